"""The life cycle of jobs as a state machine: whatever happens in whatever order, the promises hold after every step.

By default some dozens of runs, the same ones every time. ``LIFE_CYCLE_MINUTES=10`` looks for new ones for so long, and
says which seed failed; ``LIFE_CYCLE_SEED`` runs one of these again.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.postgres import database as postgres_database
from shared.postgres.database import EVERY_TENANT, Database
from shared.postgres.intake_errors import (
    AlreadyActiveError,
    AlreadyFinishedError,
    AlreadyRetriedError,
    ConflictError,
    IngestInProgressError,
    JobActiveError,
    NotFailedError,
    NotFoundError,
    RunCancelledError,
    SourceExistsError,
)
from shared.states import TERMINAL
from support.life_cycle import Consumer, Held, Installation
from support.life_cycle_checks import Checks
from support.pipeline import CALLER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from support.databases import Database as TestDatabase

EXAMPLES: Final = 25
STEPS: Final = 40
SETTLING_ROUNDS: Final = 60
MANY_JOBS: Final = 40
MINUTES: Final = float(os.environ.get("LIFE_CYCLE_MINUTES", "0"))
SEED: Final = os.environ.get("LIFE_CYCLE_SEED")

SITES: Final = ("https://one.test/", "https://two.test/")
PATHS: Final = ("a", "b", "c")
FILES: Final = ("x.md", "y.md")
BODIES: Final = (b"first", b"second")

T = TypeVar("T")
place = st.integers(0, 1)
pick = st.integers(0, 30)
yes = st.booleans()


def chosen(items: Sequence[T], number: int) -> T:
    return items[number % len(items)]


def where_any(**states: str) -> Callable[[LifeCycle], bool]:
    """Whether a job is in one of these states: what a step needs to do anything, as far as is known without asking."""

    def look(machine: LifeCycle) -> bool:
        return any(
            all(row[name] in wanted.split("|") for name, wanted in states.items())
            for row in machine.checks.before.values()
        )

    return look


def knows_any(machine: LifeCycle) -> bool:
    return any(consumer.known for consumer in machine.it.consumers)


def has_room(machine: LifeCycle) -> bool:
    return len(machine.checks.before) < MANY_JOBS


class Ground:
    """What all runs share: an event loop, connections, a database that each run empties."""

    def __init__(self, database: TestDatabase) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._url = database.owner_url
        self._service_url = database.service_url
        self.owner: asyncpg.Connection
        self.tables: list[str]
        self.database: Database
        self.gateway: Database

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _open(self) -> None:
        self.owner = await asyncpg.connect(self._url, server_settings={"session_replication_role": "replica"})
        names = await self.owner.fetch(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        )
        # What the migrations have filled stays.
        self.tables = [
            name for (name,) in names if not await self.owner.fetchval(f"SELECT EXISTS (SELECT FROM {name})")
        ]
        self.database = Database(url=self._service_url, application="life-cycle", principal=EVERY_TENANT)
        self.gateway = Database(url=self._service_url, application="life-cycle-gateway", principal=None)

    async def _close(self) -> None:
        await self.database.close()
        await self.gateway.close()
        await self.owner.close()

    def __enter__(self) -> Self:
        self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._close())
        self._runner.close()


@pytest.fixture(scope="module")
def ground(module_database: TestDatabase) -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(postgres_database, "_FIRST_PAUSE_SECONDS", 0.001)
        with Ground(module_database) as made:
            yield made


class LifeCycle(RuleBasedStateMachine):
    """Steps of people, workers, consumers, janitors and time; each is checked when it is over."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        ground = self.ground
        self.it = Installation(
            database=ground.database, gateway=ground.gateway, owner=ground.owner, tables=ground.tables
        )
        self.checks = Checks(self.it)
        ground.run(self.it.start())

    def do(self, step: str, work: Coroutine[Any, Any, T]) -> T:
        async def checked() -> T:
            done = await work
            await self.checks.after(step)
            return done

        return self.ground.run(checked())

    async def refused(
        self, work: Coroutine[Any, Any, Any], *errors: type[Exception]
    ) -> type[Exception] | None:
        """Which of these errors it ended with, if any."""
        try:
            await work
        except errors as error:
            return type(error)
        return None

    def jobs(self, where: str = "true") -> list[asyncpg.Record]:
        return self.ground.run(self.it.rows(f"SELECT * FROM jobs WHERE {where} ORDER BY seq"))

    def sources(self, where: str) -> list[asyncpg.Record]:
        return self.ground.run(self.it.rows(f"SELECT * FROM sources WHERE {where} ORDER BY id"))

    # People

    @precondition(has_room)
    @rule(site=st.sampled_from(SITES), max_pages=st.sampled_from([2, 100]))
    def add_site(self, site: str, max_pages: int) -> None:
        exists = bool(self.sources(f"status = 'live' AND url = '{site}'"))
        adding = self.it.gateway.add_site(site, max_pages=max_pages)
        refused = self.do("add_site", self.refused(adding, SourceExistsError))
        assert (refused is not None) == exists

    @precondition(has_room)
    @rule(name=st.sampled_from(FILES), body=st.sampled_from(BODIES))
    def upload(self, name: str, body: bytes) -> None:
        self.do("upload", self.it.gateway.upload(name, body))

    @precondition(lambda self: has_room(self) and self.checks.sources["live"])
    @rule(number=pick)
    def sync(self, number: int) -> None:
        if live := self.sources("status = 'live' AND type = 'web'"):
            source = chosen(live, number)
            host = source["url"].rstrip("/") + ":443"
            self.do("sync", self.it.gateway.intake.sync(caller=CALLER, source_id=source["id"], host=host))

    @precondition(where_any(status="queued|running"))
    @rule(number=pick)
    def cancel(self, number: int) -> None:
        if jobs := self.jobs():
            job = chosen(jobs, number)
            cancelling = self.it.gateway.intake.cancel(caller=CALLER, job_id=job["id"])
            refused = self.do("cancel", self.refused(cancelling, AlreadyFinishedError))
            assert (refused is not None) == (job["status"] in TERMINAL)

    @precondition(where_any(status="failed"))
    @rule(number=pick)
    def retry(self, number: int) -> None:
        jobs = self.jobs("handler IS NOT NULL AND status = 'failed'") or self.jobs()
        if not jobs:
            return
        job = chosen(jobs, number)
        retrying = self.it.gateway.intake.retry(caller=CALLER, job_id=job["id"])
        refused = self.do(
            "retry",
            self.refused(retrying, NotFoundError, NotFailedError, AlreadyRetriedError, RunCancelledError),
        )
        if job["handler"] and job["status"] == "failed" and refused is None:
            (now,) = self.jobs(f"id = '{job['id']}'")
            assert (now["status"], now["attempt"], now["retries"]) == ("queued", 1, job["retries"] + 1)
        if job["handler"] and job["status"] != "failed":
            assert refused is not None

    @precondition(where_any(status="failed"))
    @rule()
    def retry_all(self) -> None:
        retried = self.do("retry_all", self.it.gateway.intake.retry_many(caller=CALLER))
        assert retried.retried <= len(self.checks.before)
        assert not retried.remaining
        left = self.jobs(
            "status = 'failed' AND handler IS NOT NULL AND EXISTS (SELECT 1 FROM jobs r JOIN sources s"
            " ON s.id = r.source_id WHERE r.id = jobs.root_id AND r.status <> 'cancelled' AND s.status = 'live')"
        )
        assert not left, "a dead job was left behind"

    @precondition(
        lambda self: has_room(self) and where_any(status="succeeded|failed|cancelled|skipped")(self)
    )
    @rule(number=pick)
    def run_again(self, number: int) -> None:
        if runs := self.jobs("parent_id IS NULL"):
            again = self.it.gateway.intake.rerun(caller=CALLER, job_id=chosen(runs, number)["id"])
            self.do("run_again", self.refused(again, NotFoundError, ConflictError))

    @precondition(where_any(status="succeeded|failed|cancelled|skipped"))
    @rule(number=pick)
    def delete_run(self, number: int) -> None:
        if runs := self.jobs("parent_id IS NULL"):
            run = chosen(runs, number)
            deleting = self.it.gateway.intake.delete_job(caller=CALLER, job_id=run["id"])
            refused = self.do("delete_run", self.refused(deleting, JobActiveError))
            assert (refused is not None) == (run["status"] not in TERMINAL)

    @precondition(where_any(status="succeeded"))
    @rule(number=pick)
    def serve_earlier_version(self, number: int) -> None:
        versions = self.ground.run(
            self.it.rows("SELECT * FROM document_versions WHERE activated_at IS NOT NULL ORDER BY seq")
        )
        if versions:
            version = chosen(versions, number)
            serving = self.it.gateway.intake.activate(
                caller=CALLER, document_id=version["document_id"], version_id=version["id"]
            )
            self.do("serve_earlier_version", self.refused(serving, NotFoundError, AlreadyActiveError))

    @precondition(lambda self: self.checks.sources["live"])
    @rule(number=pick, force=yes)
    def delete_source(self, number: int, force: bool) -> None:  # noqa: FBT001  (drawn)
        if not (live := self.sources("status = 'live'")):
            return
        source_id = chosen(live, number)["id"]
        open_runs = self.jobs(
            f"source_id = '{source_id}' AND parent_id IS NULL AND status IN ('queued', 'running')"
        )
        deleting = self.it.gateway.intake.delete_source(caller=CALLER, source_id=source_id, force=force)
        refused = self.do("delete_source", self.refused(deleting, IngestInProgressError))
        assert (refused is not None) == (bool(open_runs) and not force)

    # How it goes when nothing happens: without these, hardly any work would get far

    @initialize(site=st.sampled_from(SITES), name=st.sampled_from(FILES), rounds=st.integers(0, 3))
    def begin(self, site: str, name: str, rounds: int) -> None:
        self.do("add_site", self.it.gateway.add_site(site, max_pages=100))
        self.do("upload", self.it.gateway.upload(name, BODIES[0]))
        for _ in range(rounds):
            self.go_on(where=0, links=7, version=0)

    @precondition(where_any(status="queued|running"))
    @rule(where=place, links=st.integers(0, 7), version=st.integers(0, 1))
    def go_on(self, where: int, links: int, version: int) -> None:
        self.work_on(where, links, version)
        self.serve(where)

    @precondition(where_any(status="queued|running"))
    @rule(where=place, links=st.integers(0, 7), version=st.integers(0, 1))
    def work_on(self, where: int, links: int, version: int) -> None:
        self.take_work(where)
        for held in list(self.it.held):
            if held.worker is self.it.workers[where]:
                self._deliver(held, version=version, links=links, noted=True, in_parts=False)
                self.do("store", self.it.store(self._consumer(where), self.it.results[-1:]))

    @precondition(where_any(status="queued"))
    @rule(where=place)
    def take_work(self, where: int) -> None:
        messages = self.do("announce", self.it.announce(lost=False))
        self.do("claim", self.it.claim(self.it.workers[where], messages))

    # And how it goes when one thing happens

    @precondition(where_any(status="queued|running"))
    @rule(
        where=place,
        number=pick,
        kind=st.sampled_from(["transient", "permanent", "gone"]),
        times=st.integers(1, 3),
    )
    def work_fails(self, where: int, number: int, kind: str, times: int) -> None:
        for _ in range(times):
            if not self.it.held:
                self.take_work(where)
            if self.it.held:
                self.fail(number, kind, noted=True)
                self.do("store", self.it.store(self._consumer(where), self.it.results[-1:]))

    @precondition(where_any(status="queued|running"))
    @rule(where=place, dies=yes, back=yes)
    def worker_is_lost(self, where: int, dies: bool, back: bool) -> None:  # noqa: FBT001  (drawn)
        self.take_work(where)
        slow = [held for held in self.it.held if held.worker is self.it.workers[where]]
        if dies:
            self.kill_worker(where)
        else:
            self.stall_worker(where)
        self.reclaim()
        if back:
            self.revive()
        self.take_work(1 - where)
        # It was only slow, and ends what another one has begun meanwhile.
        for held in slow if not dies else []:
            self._deliver(held, version=1, links=1, noted=True, in_parts=back)
            self.do("store", self.it.store(self._consumer(where), self.it.results[-2:]))

    @precondition(where_any(status="queued|running"))
    @rule(where=place, dropped=yes)
    def result_is_lost(self, where: int, dropped: bool) -> None:  # noqa: FBT001  (drawn)
        self.take_work(where)
        for held in list(self.it.held):
            self._deliver(held, version=1, links=3, noted=True, in_parts=True)
        if dropped:
            self.it.results.clear()
        self.pass_deadlines()
        self.reclaim()

    @precondition(where_any(status="queued|running"))
    @rule(where=place, opened=yes)
    def consumer_is_lost(self, where: int, opened: bool) -> None:  # noqa: FBT001  (drawn)
        self.work_on(where, 5, 1)
        if opened:
            self.open_batch(where)
        self.kill_consumer(where)
        self.adopt(1 - where)
        # What the dead one has recorded may never have been written.
        self.activate(1 - where)

    @precondition(knows_any)
    @rule(where=place)
    def serve(self, where: int) -> None:
        self.do("index_all", index_all(self.it, self._consumer(where)))
        self.do("activate", self.it.activate(self._consumer(where)))

    # Messages and workers

    @precondition(where_any(status="queued"))
    @rule(lost=st.sampled_from([False, False, True]))
    def announce(self, lost: bool) -> None:  # noqa: FBT001  (drawn)
        self.do("announce", self.it.announce(lost=lost))

    @precondition(where_any(status="queued"))
    @rule()
    def announce_again(self) -> None:
        self.do("announce_again", self.it.announce_again())

    @precondition(lambda self: self.it.tasks)
    @rule(where=place, first=pick, count=st.integers(1, 4))
    def claim(self, where: int, first: int, count: int) -> None:
        messages = [chosen(self.it.tasks, len(self.it.tasks) - 1 - first - n) for n in range(count)]
        self.do("claim", self.it.claim(self.it.workers[where], messages))

    def _held(self, number: int) -> Held:
        return chosen(self.it.held, number)

    @precondition(lambda self: self.it.held)
    @rule(number=pick, version=st.integers(0, 1), links=st.integers(0, 7), noted=yes, in_parts=yes)
    def deliver(self, number: int, version: int, links: int, noted: bool, in_parts: bool) -> None:  # noqa: FBT001  (drawn)
        self._deliver(self._held(number), version=version, links=links, noted=noted, in_parts=in_parts)

    def _deliver(self, held: Held, *, version: int, links: int, noted: bool, in_parts: bool) -> None:
        root = held.claim.source_url or ""
        leads_to = [root + path for bit, path in enumerate(PATHS) if links & (1 << bit)]
        result = self.it.good(held.claim, version=version, leads_to=leads_to)
        self.do("deliver", self.it.deliver(held, result, noted=noted, in_parts=in_parts))

    @precondition(lambda self: self.it.held)
    @rule(number=pick, kind=st.sampled_from(["transient", "permanent", "gone"]), noted=yes)
    def fail(self, number: int, kind: str, noted: bool) -> None:  # noqa: FBT001  (drawn)
        held = self._held(number)
        result = self.it.bad(held.claim, retryable=kind == "transient", gone=kind == "gone")
        self.do("deliver", self.it.deliver(held, result, noted=noted, in_parts=False))

    @precondition(lambda self: self.it.held)
    @rule(number=pick)
    def hand_back(self, number: int) -> None:
        self.do("hand_back", self.it.hand_back(self._held(number)))

    @precondition(lambda self: self.it.held)
    @rule(where=place)
    def kill_worker(self, where: int) -> None:
        self.do("kill_worker", self.it.kill_worker(where))

    @precondition(lambda self: self.it.held)
    @rule(where=place)
    def stall_worker(self, where: int) -> None:
        self.do("stall", self.it.lapse(self.it.workers[where].worker_id))

    @rule()
    def revive(self) -> None:
        self.do("revive", self.it.revive())

    @rule(of_gateway=yes)
    def lose_next_answer(self, of_gateway: bool) -> None:  # noqa: FBT001  (drawn)
        self.it.lose_next_answer(of_gateway=of_gateway)

    # Consumers

    def _consumer(self, where: int) -> Consumer:
        return self.it.consumers[where]

    @precondition(lambda self: self.it.results)
    @rule(where=place, numbers=st.lists(pick, min_size=1, max_size=4))
    def store(self, where: int, numbers: list[int]) -> None:
        # The newest first: what is older comes late, or again.
        batch = [chosen(self.it.results, len(self.it.results) - 1 - number) for number in numbers]
        self.do("store", self.it.store(self._consumer(where), batch))

    @precondition(lambda self: self.it.results)
    @rule()
    def lose_results(self) -> None:
        self.it.results.clear()

    @precondition(where_any(stage="indexing"))
    @rule(where=place)
    def adopt(self, where: int) -> None:
        self.do("adopt", self.it.adopt(self._consumer(where)))

    @precondition(knows_any)
    @rule(where=place)
    def open_batch(self, where: int) -> None:
        self.do("open_batch", self.it.open_batch(self._consumer(where)))

    @precondition(lambda self: self.it.writing)
    @rule(number=pick, ending=st.sampled_from(["verified", "verified", "refused", "cut short"]))
    def close_batch(self, number: int, ending: str) -> None:
        writing = chosen(self.it.writing, number)
        closing = self.it.close_batch(writing, written=ending == "cut short", verified=ending == "verified")
        self.do("close_batch", closing)

    @precondition(knows_any)
    @rule(where=place)
    def index_all(self, where: int) -> None:
        self.do("index_all", index_all(self.it, self._consumer(where)))

    @precondition(knows_any)
    @rule(where=place)
    def activate(self, where: int) -> None:
        self.do("activate", self.it.activate(self._consumer(where)))

    @precondition(knows_any)
    @rule(where=place)
    def kill_consumer(self, where: int) -> None:
        self.do("kill_consumer", self.it.kill_consumer(where))

    @precondition(knows_any)
    @rule(where=place)
    def stall_consumer(self, where: int) -> None:
        self.do("stall", self.it.lapse(self._consumer(where).stores.consumer_id))

    # The janitor, and time

    @precondition(where_any(stage="claimed|delivered"))
    @rule()
    def pass_deadlines(self) -> None:
        self.do("pass_deadlines", self.it.pass_deadlines())

    @precondition(where_any(stage="claimed|delivered"))
    @rule()
    def reclaim(self) -> None:
        self.do("reclaim", self.it.reclaims.reclaim(at_most=100))

    @precondition(where_any(status="failed"))
    @rule()
    def retry_dead(self) -> None:
        self.do("retry_dead", self.it.retry_dead())

    @precondition(lambda self: self.it.writing)
    @rule()
    def expire_batches(self) -> None:
        self.do("expire_batches", self.it.expire_batches())

    @precondition(where_any(status="succeeded"))
    @rule()
    def tidy(self) -> None:
        self.do("tidy", self.it.tidy())

    @precondition(where_any(status="succeeded"))
    @rule()
    def purge(self) -> None:
        self.do("purge", self.it.purge())

    @precondition(where_any(type="crawler", status="succeeded|failed|cancelled|skipped"))
    @rule()
    def close_runs(self) -> None:
        # There is never anything to do: runs close with their last page, and their counters are right.
        assert not any(self.do("close_runs", self.it.close_runs()).values())

    @precondition(lambda self: self.checks.sources["deleting"])
    @rule(number=pick)
    def remove_source(self, number: int) -> None:
        if deleting := self.sources("status = 'deleting'"):
            self.do("remove_source", self.it.remove(chosen(deleting, number)["id"]))

    # The end: everybody works and time passes, so that nothing may be left open

    def teardown(self) -> None:
        self.it.end()
        try:
            self.ground.run(settle(self.it, self.checks))
        finally:
            self.it.end()


async def index_all(it: Installation, consumer: Consumer) -> None:
    """Write whatever this consumer knows to be missing."""
    for _ in range(20):
        count = len(it.writing)
        await it.open_batch(consumer)
        if len(it.writing) == count:
            return
        await it.close_batch(it.writing[-1], written=True, verified=True)


async def settle(it: Installation, checks: Checks) -> None:
    """Let everything come to its end: no fault any more, workers that succeed, a janitor, and time."""
    for where in range(2):
        await it.kill_worker(where)
        await it.kill_consumer(where)
    for _ in range(SETTLING_ROUNDS):
        await _round(it, checks)
        open_work = await it.rows("SELECT 1 FROM jobs WHERE status IN ('queued', 'running') LIMIT 1")
        if not open_work and not await it.rows("SELECT 1 FROM sources WHERE status = 'deleting'"):
            break
    for _ in range(2):
        await it.tidy()
        await it.purge()
    await checks.after("settle")
    await checks.at_quiet()


async def _round(it: Installation, checks: Checks) -> None:
    await it.pass_deadlines()
    await it.reclaims.reclaim(at_most=100)
    await checks.after("reclaim")
    await it.expire_batches()
    await it.announce_again()
    await it.announce(lost=False)
    for worker in it.workers:
        await it.claim(worker, it.tasks)
    await checks.after("claim")
    for held in list(it.held):
        await it.deliver(held, it.good(held.claim), noted=True, in_parts=False)
    for consumer in it.consumers:
        await it.store(consumer, it.results)
        await checks.after("store")
        await it.adopt(consumer)
        await index_all(it, consumer)
        await it.activate(consumer)
        await checks.after("activate")
    for row in await it.rows("SELECT id FROM sources WHERE status = 'deleting'"):
        await it.remove(row["id"])
        await checks.after("remove_source")


def budget(**more: Any) -> settings:
    return settings(
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


@pytest.fixture
def machine(ground: Ground) -> type[LifeCycle]:
    """A class of its own, because a seed is a mark on the class."""
    return type("LifeCycle", (LifeCycle,), {"ground": ground})


@pytest.mark.skipif(bool(MINUTES or SEED), reason="new runs are looked for")
def test_the_promises_hold_after_every_step(machine: type[LifeCycle]) -> None:
    run_state_machine_as_test(machine, settings=budget(max_examples=EXAMPLES, derandomize=True))


@pytest.mark.skipif(not MINUTES and SEED is None, reason="LIFE_CYCLE_MINUTES and LIFE_CYCLE_SEED are not set")
@pytest.mark.timeout(MINUTES * 60 + 1800)
def test_the_promises_hold_in_runs_that_nobody_has_seen(machine: type[LifeCycle]) -> None:
    until = time.monotonic() + MINUTES * 60
    number = int(SEED) if SEED is not None else random.randrange(2**32)
    while True:
        try:
            run_state_machine_as_test(seed(number)(machine), settings=budget(max_examples=EXAMPLES))
        except BaseException as error:
            error.add_note(f"LIFE_CYCLE_SEED={number} runs this again")
            raise
        number += 1
        if time.monotonic() > until:
            return
