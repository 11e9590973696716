"""NSQ holds a window that is computed from rows: what counts, what is due, whose turn it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shared.dispatch import Dispatcher
from shared.postgres import announcing
from shared.postgres.announcing import PostgresWindows
from shared.queue.errors import QueueUnavailableError
from shared.testing.queue import MemoryBroker
from shared.windows import Limits
from support.pipeline import CALLER, LIMITS, Pipeline
from support.waiting import until_somebody_waits

if TYPE_CHECKING:
    from uuid import UUID

    import pytest


ONE_PER_HOST = Limits(per_slot=2, least=4, reserved=1, per_run=50, per_host=1, per_tenant=200)
PAGES = ["https://site.test/a", "https://site.test/b"]


def narrow(pipeline: Pipeline, limits: Limits = LIMITS, *, unstored_max: int = 500) -> PostgresWindows:
    return PostgresWindows(database=pipeline.database, limits=limits, unstored_max=unstored_max)


async def two_pages_wait(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", PAGES))


async def test_nothing_is_announced_while_too_many_results_wait_to_be_stored(pipeline: Pipeline) -> None:
    windows = narrow(pipeline, unstored_max=0)
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.claims.delivered([claim.ticket])
    assert await pipeline.claims.unstored() == 1
    await pipeline.upload("b.md", b"b")
    assert await windows.announce_waiting() == []
    await pipeline.store(pipeline.file(claim, "a"))
    assert await pipeline.claims.unstored() == 0
    assert len(await windows.announce_waiting()) == 1


async def test_a_delivered_page_frees_the_slot_of_its_host(pipeline: Pipeline) -> None:
    await two_pages_wait(pipeline)
    pipeline.windows = narrow(pipeline, ONE_PER_HOST)
    (claim,) = await pipeline.work()
    assert await pipeline.work() == []
    await pipeline.claims.delivered([claim.ticket])
    assert len(await pipeline.work()) == 1


async def test_dispatchers_decide_one_after_the_other(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    async with pipeline.gateway.transaction("*") as other:
        await other.execute("SELECT 1 FROM dispatch_turn FOR UPDATE")
        announcing_too = asyncio.create_task(pipeline.windows.announce_waiting())
        await until_somebody_waits(pipeline)
    assert len(await announcing_too) == 1


async def test_what_ended_or_was_announced_meanwhile_is_not_announced(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = (await pipeline.upload("a.md", b"a")).run_id
    announced = (await pipeline.upload("b.md", b"b")).run_id
    await pipeline.windows.announce_waiting()
    await pipeline.intake.cancel(caller=CALLER, job_id=cancelled)
    waiting = (await pipeline.upload("c.md", b"c")).run_id

    def as_seen_before(*args: Any, **kwargs: Any) -> list[UUID]:
        return [cancelled, announced, waiting]

    monkeypatch.setattr(announcing, "choose", as_seen_before)
    assert [message.job_id for message in await pipeline.windows.announce_waiting()] == [waiting]


async def test_a_page_is_announced_only_when_it_is_due(pipeline: Pipeline) -> None:
    await two_pages_wait(pipeline)
    await pipeline.rows(
        "UPDATE jobs SET available_at = now() + interval '1 hour' WHERE url_key = $1 RETURNING id", PAGES[0]
    )
    assert [message.payload["url"] for message in await pipeline.windows.announce_waiting()] == PAGES[1:]


async def test_an_upload_is_announced_only_when_it_is_due(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    await pipeline.rows("UPDATE jobs SET available_at = now() + interval '1 hour' RETURNING id")
    assert await pipeline.windows.announce_waiting() == []
    await pipeline.rows("UPDATE jobs SET available_at = now() RETURNING id")
    assert len(await pipeline.windows.announce_waiting()) == 1


async def test_crawls_of_one_source_go_one_after_the_other(pipeline: Pipeline) -> None:
    site = await pipeline.add_site(max_depth=0)
    (seed,) = await pipeline.work()
    second = await pipeline.intake.sync(
        caller=CALLER, source_id=site.source_id, host="https://site.test:443", config={"max_depth": 0}
    )
    assert second != site.run_id
    assert await pipeline.work() == []
    stored = await pipeline.store(pipeline.page(seed, "home"))
    assert await pipeline.work() == []
    await pipeline.index(stored.indexing)
    (seed,) = await pipeline.work()
    assert seed.root_id == second


async def test_an_earlier_version_waits_for_the_runs_that_were_accepted_before(pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("a.md", b"1")
    await pipeline.upload("a.md", b"2")
    versions = []
    for text in ("one", "two"):
        (claim,) = await pipeline.work()
        await pipeline.index((await pipeline.store(pipeline.file(claim, text))).indexing)
        versions.append(await pipeline.value("SELECT id FROM document_versions WHERE is_active"))
    third = await pipeline.upload("a.md", b"3")
    run_id = await pipeline.intake.activate(
        caller=CALLER, document_id=accepted.document_id, version_id=versions[0]
    )
    assert await pipeline.indexing.adopt(at_most=10) == []
    await pipeline.intake.cancel(caller=CALLER, job_id=third.run_id)
    assert await pipeline.indexing.adopt(at_most=10) == [run_id]


class Unreachable:
    """A queue that cannot be reached."""

    async def publish_many(self, topic: str, bodies: object) -> None:
        raise QueueUnavailableError("There is no connection to nsqd.")


async def is_announced_again_after(pipeline: Pipeline, seconds: float) -> bool:
    dispatcher = Dispatcher(windows=pipeline.windows, publisher=MemoryBroker().publisher())
    await pipeline.rows("UPDATE jobs SET announced_at = now() - make_interval(secs => $1)", seconds)
    return await dispatcher.announce_again(after_seconds=60, at_most=10) == 1


async def test_publishes_that_failed_put_off_no_later_announcement(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    down = Dispatcher(windows=pipeline.windows, publisher=Unreachable())  # type: ignore[arg-type] # one method is used
    for _ in range(5):
        assert await down.announce() == 0
    assert len(await pipeline.windows.announce_waiting()) == 1
    assert await is_announced_again_after(pipeline, 61)


async def test_jobs_that_were_handed_back_are_announced_again_as_soon_as_new_ones(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    for _ in range(5):
        (claim,) = await pipeline.work()
        await pipeline.claims.hand_back([claim.ticket], after_seconds=0)
    assert len(await pipeline.windows.announce_waiting()) == 1
    assert await is_announced_again_after(pipeline, 61)


async def test_only_the_window_is_ever_announced_again(pipeline: Pipeline) -> None:
    """A long queue waits in Postgres: there is nothing of it that could be announced in a storm."""
    await pipeline.add_site(max_pages=1000)
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", [f"https://site.test/{n}" for n in range(300)]))
    dispatcher = Dispatcher(windows=pipeline.windows, publisher=MemoryBroker().publisher())
    window = await dispatcher.announce()
    assert 0 < window < 300
    again = 0
    # An hour in which no worker takes anything up.
    for _ in range(120):
        await pipeline.rows("UPDATE jobs SET announced_at = announced_at - interval '30 seconds'")
        again += await dispatcher.announce_again(after_seconds=60, at_most=500)
        assert await dispatcher.announce() == 0
    assert again <= window * 6
