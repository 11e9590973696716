"""Outages of our own servers while a crawl and uploads run: services live, say what they wait for, and go on.

All of it on one installation, whose services reach every server through a proxy.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import pytest

from shared.clock import new_id, now
from support.client import Client, until
from support.e2e import Truth
from support.outages import ENVIRONMENT, Installation, release
from support.proxied import Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from support.sites import TestSite
    from support.stacks import StackUnderTest

EVERYBODY: Final = (
    "gateway", "janitor", "result-consumer-1", "ingest-worker-1", "ingest-worker-2",
)  # fmt: skip
USERS_OF_WEAVIATE: Final = ("gateway", "janitor", "result-consumer-1")
#: What a person waits for an answer that something is away: the limits of the stack's settings, and a slow machine.
PATIENCE_SECONDS: Final = 8.0
SENTENCE: Final = "The lighthouse keeper counts the herons at dusk."


@pytest.fixture(scope="module")
async def here(
    make_stack: Callable[..., StackUnderTest], stack_environment: dict[str, str], http: aiohttp.ClientSession
) -> AsyncIterator[Installation]:
    stack = make_stack(environment=stack_environment | ENVIRONMENT)
    with Network(stack) as network:
        await asyncio.to_thread(stack.up)
        async with asyncpg.create_pool(stack.file.database_url, min_size=1, max_size=4) as postgres:
            truth = Truth(stack=stack, session=http, postgres=postgres)
            yield Installation(quern=Client(http, stack.gateway_url), truth=truth, network=network)
        await asyncio.to_thread(stack.down)


@pytest.fixture(autouse=True)
async def _healed(here: Installation) -> AsyncIterator[None]:
    yield
    here.network.heal()
    for name in ("nsqd", "weaviate", "postgres"):
        here.truth.stack.resume(name)
    await here.ready()


async def upload(here: Installation) -> str:
    """Upload a file that nobody has uploaded before: its run."""
    body = f"# Heron {new_id()}\n\n{SENTENCE}\n".encode()
    return (await here.quern.upload(f"{new_id()}.md", body)).run_id


@dataclass(frozen=True, kw_only=True)
class Case:
    """One outage that ends by itself: what to do to the network, and what is to be seen meanwhile."""

    doors: tuple[str, ...]
    what: str
    dependency: str
    unready: tuple[str, ...]
    waiting_for: str | None


DOWN: Final = [
    Case(doors=("nsqd", "nsqd_http"), what="refuse", dependency="nsqd", unready=EVERYBODY, waiting_for="nsqd"),
    Case(doors=("nsqd", "nsqd_http"), what="stall", dependency="nsqd", unready=EVERYBODY, waiting_for="nsqd"),
    Case(doors=("weaviate", "weaviate_grpc"), what="refuse", dependency="weaviate", unready=USERS_OF_WEAVIATE,
         waiting_for="weaviate"),
    Case(doors=("weaviate", "weaviate_grpc"), what="stall", dependency="weaviate", unready=USERS_OF_WEAVIATE,
         waiting_for="weaviate"),
    Case(doors=("weaviate_grpc",), what="refuse", dependency="weaviate", unready=USERS_OF_WEAVIATE,
         waiting_for="weaviate"),
]  # fmt: skip


@pytest.mark.parametrize("case", DOWN, ids=lambda case: f"{case.doors[0]}-{case.what}")
async def test_a_server_that_is_away_is_waited_for(here: Installation, site: TestSite, case: Case) -> None:
    since, pids = now(), here.pids()
    work = await here.begin(site)
    for door in case.doors:
        getattr(here.network[door], case.what)()
    release(site)
    uploaded = await upload(here)  # people are not made to wait for what works in the background
    await here.unready(case.unready, case.dependency)
    for name in case.unready:
        assert await here.gauge(name, "quern_dependency_up", case.dependency) == 0
    if case.waiting_for is not None:
        await here.waits_for(uploaded, case.waiting_for)
    here.network.heal()
    await here.undisturbed(work, pids, uploaded)
    for name in case.unready:
        assert await here.gauge(name, "quern_dependency_up", case.dependency) == 1
    here.calm(since)


@pytest.mark.parametrize("what", ["refuse", "stall"])
async def test_postgres_away_costs_people_a_bounded_wait_and_no_job_an_attempt(
    here: Installation, site: TestSite, what: str
) -> None:
    since, pids = now(), here.pids()
    work = await here.begin(site)
    getattr(here.network["postgres"], what)()
    release(site)
    for method, path in (("GET", f"/v1/ingestion-runs/{work.run_id}"), ("POST", "/v1/search")):
        await refused_in_time(here, method, path, "postgres")
    answer = await here.quern.send("heron.md", b"# Heron\n\nIt stands.\n")
    assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable")
    await here.unready(EVERYBODY, "postgres")
    # Longer than the lease: every worker's has lapsed when Postgres is back.
    await until_lapsed(here)
    here.network.heal()
    await here.undisturbed(work, pids)
    taken_back = await here.truth.value(
        "SELECT coalesce(sum(reclaims), 0) FROM jobs WHERE root_id = $1", work.run_id
    )
    assert taken_back == 0, "an outage of Postgres was held against jobs of workers that lived"
    here.calm(since)


async def until_lapsed(here: Installation) -> None:
    async def lapsed() -> bool:
        return bool(await here.truth.value("SELECT bool_and(lease_until < now()) FROM workers"))

    await until(lapsed, "every lease has lapsed", seconds=20)


async def refused_in_time(here: Installation, method: str, path: str, dependency: str) -> None:
    started = time.monotonic()
    answer = await here.quern.call(method, path, json={"query": "heron"} if method == "POST" else None)
    took = time.monotonic() - started
    assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable"), answer
    assert dependency in answer.body["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert took < PATIENCE_SECONDS, f"{method} {path} took {took:.1f} s"


@pytest.mark.parametrize("what", ["refuse", "stall"])
async def test_search_says_in_time_that_weaviate_is_away(here: Installation, what: str) -> None:
    for door in ("weaviate", "weaviate_grpc"):
        getattr(here.network[door], what)()
    await refused_in_time(here, "POST", "/v1/search", "weaviate")
    here.network.heal()

    async def answers() -> bool:
        answer = await here.quern.call("POST", "/v1/search", json={"query": "heron"})
        return answer.status == 200

    await until(answers, "search answers again", seconds=10)


async def test_followers_of_a_run_are_told_that_postgres_is_away(here: Installation, site: TestSite) -> None:
    work = await here.begin(site)
    told: list[tuple[str, Any]] = []

    async def follow() -> None:
        async for event in here.quern.events(work.run_id):
            told.append((event.name, event.data))  # noqa: PERF401  (others look at it as it grows)

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())

        async def progress_was_told() -> bool:
            return any(name == "progress" for name, _ in told)

        await until(progress_was_told, "the stream has begun")
        here.network["postgres"].refuse()

        async def waits_for_postgres() -> bool:
            return any(name == "progress" and data["waiting_for"] == "postgres" for name, data in told)

        await until(waits_for_postgres, "the stream says what is waited for", seconds=15)
        here.network.heal()
        release(site)
        await asyncio.wait_for(following, 60)
    assert told[-1][0] == "done"
    assert told[-1][1]["status"] == "succeeded"


SLOW_OR_CUT: Final = {
    "postgres": (("postgres",), 0.03),
    "nsqd": (("nsqd", "nsqd_http"), 0.2),
    "nsqlookupd": (("nsqlookupd",), 0.5),
    "weaviate": (("weaviate", "weaviate_grpc"), 0.15),
}


@pytest.mark.parametrize("server", SLOW_OR_CUT)
async def test_slow_connections_and_cut_ones_change_nothing_but_time(
    here: Installation, site: TestSite, server: str
) -> None:
    since, pids = now(), here.pids()
    doors, seconds = SLOW_OR_CUT[server]
    work = await here.begin(site)
    for door in doors:
        here.network[door].delay(seconds)
    release(site)
    uploaded = await upload(here)
    for _ in range(4):
        accepted = {door: here.network[door].accepted for door in doors}
        for door in doors:
            here.network[door].cut()
        await connected_again(here, accepted)
    here.network.heal()
    await here.undisturbed(work, pids, uploaded)
    here.calm(since)


async def connected_again(here: Installation, before: dict[str, int]) -> None:
    async def so() -> bool:
        return all(here.network[door].accepted > count for door, count in before.items())

    await until(so, "somebody has connected again", seconds=15)


async def test_without_nsqlookupd_everything_goes_on(here: Installation, site: TestSite) -> None:
    since, pids = now(), here.pids()
    here.network["nsqlookupd"].refuse()
    work = await here.begin(site)
    release(site)

    async def shown() -> bool:
        status, body = await here.readyz("ingest-worker-1")
        return status == 200 and body["dependencies"]["nsqlookupd"]["status"] == "down"

    await until(shown, "/readyz shows it, and is 200", seconds=10)
    assert await here.gauge("ingest-worker-1", "quern_dependency_up", "nsqlookupd") == 0
    await here.quern.succeeded(work.run_id)
    here.network.heal()
    await here.undisturbed(work, pids)
    here.calm(since)


@pytest.mark.parametrize("server", ["nsqd", "weaviate", "postgres"])
async def test_a_server_that_is_killed_comes_back_and_nothing_is_lost(
    here: Installation, site: TestSite, server: str
) -> None:
    since, pids = now(), here.pids()
    work = await here.begin(site)
    uploaded = await upload(here)
    await here.truth.kill9(server)
    release(site)
    await asyncio.to_thread(here.truth.stack.wait_ready, server)
    await here.undisturbed(work, pids, uploaded)
    here.calm(since)


async def test_a_frozen_nsqd_is_noticed_though_its_connections_are_open(
    here: Installation, site: TestSite
) -> None:
    since, pids = now(), here.pids()
    work = await here.begin(site)
    await asyncio.to_thread(here.truth.stack.pause, "nsqd")
    release(site)
    uploaded = await upload(here)
    await here.unready(EVERYBODY, "nsqd")
    await here.waits_for(uploaded, "nsqd")
    await asyncio.to_thread(here.truth.stack.resume, "nsqd")
    await here.undisturbed(work, pids, uploaded)
    here.calm(since)


async def test_read_only_postgres_is_read_and_work_waits(here: Installation, site: TestSite) -> None:
    since, pids = now(), here.pids()
    work = await here.begin(site)
    async with read_only_postgres(here):
        release(site)
        await here.unready(EVERYBODY, "postgres")
        assert await here.gauge("gateway", "quern_dependency_read_only", "postgres") == 1
        await here.waits_for(work.run_id, "postgres")
        answer = await here.quern.send("heron.md", b"# Heron\n\nIt stands.\n")
        assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable")
        await here.quern.search("article")  # reading goes on
    await here.undisturbed(work, pids)
    assert await here.gauge("gateway", "quern_dependency_read_only", "postgres") == 0
    here.calm(since)


@asynccontextmanager
async def read_only_postgres(here: Installation) -> AsyncIterator[None]:
    """As after a promotion gone wrong, or by an operator's hand; a disk that is full stops the server instead."""
    owner = here.truth.stack.file.database_url
    name = await here.truth.value("SELECT current_database()")
    await change(owner, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on', here)
    try:
        yield
    finally:
        await change(owner, f'ALTER DATABASE "{name}" RESET default_transaction_read_only', here)


async def change(owner: str, statement: str, here: Installation) -> None:
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(statement)
    finally:
        await connection.close()
    here.network["postgres"].cut()  # it holds for sessions that begin after it


async def test_read_only_weaviate_is_searched_and_writes_wait(here: Installation, site: TestSite) -> None:
    since, pids = now(), here.pids()
    before = await upload(here)
    await here.quern.succeeded(before)
    work = await here.begin(site)
    async with read_only_weaviate(here):
        release(site)
        uploaded = await upload(here)
        await here.unready(USERS_OF_WEAVIATE, "weaviate")
        assert await here.gauge("gateway", "quern_dependency_read_only", "weaviate") == 1
        assert await here.gauge("gateway", "quern_dependency_up", "weaviate") == 1
        await here.waits_for(uploaded, "weaviate")
        assert await here.quern.search("herons at dusk"), "what was indexed before is found"
        system = await here.quern.get("/v1/system")
        assert system["components"]["weaviate"]["status"] == "degraded"
        assert "read-only" in system["components"]["weaviate"]["detail"]
    await here.undisturbed(work, pids, uploaded)
    here.calm(since)


@asynccontextmanager
async def read_only_weaviate(here: Installation) -> AsyncIterator[None]:
    """As a full disk makes it: inserts are answered with success and store nothing."""
    await here.truth.set_shard("READONLY")
    try:
        yield
    finally:
        await here.truth.set_shard("READY")


async def test_services_that_start_while_every_server_is_away_come_up_and_wait(
    here: Installation, site: TestSite
) -> None:
    since = now()
    work = await here.begin(site)
    for door in here.network.doors.values():
        door.refuse()
    await asyncio.gather(*(here.truth.kill9(name) for name in EVERYBODY))
    release(site)
    await here.alive()
    pids = here.pids()
    for dependency in ("postgres", "nsqd"):
        await here.unready(EVERYBODY, dependency)
    await here.unready(USERS_OF_WEAVIATE, "weaviate")
    assert here.pids() == pids, "nobody restarts again and again"
    here.network.heal()
    await here.undisturbed(work, pids)
    here.calm(since)
