"""Tenants take turns, whatever they have waiting and however long their work takes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import asyncpg
import pytest

from shared.postgres.acceptance import Seed
from shared.postgres.announcing import PostgresWindows
from shared.postgres.sql import queries
from shared.postgres.tenants import PostgresTenants
from shared.urls import parse_web_url
from shared.windows import Limits
from support.pipeline import CALLER, Pipeline
from support.tenants import add_pages, add_tenant, add_uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.contracts.messages import TaskMessage
    from support.databases import Database

LIMITS = Limits(per_slot=2, least=4, reserved=1, per_run=50, per_host=50, per_tenant=200)
SLOTS = 8
WINDOW = LIMITS.in_all(SLOTS)


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(database.service_url)
    pipeline.windows = PostgresWindows(database=pipeline.database, limits=LIMITS, unstored_max=500)
    yield pipeline
    await pipeline.close()


async def crawl(pipeline: Pipeline, caller: Caller, url: str, pages: int) -> None:
    """A crawl with so many pages waiting, its seed page among them."""
    parsed = parse_web_url(url)
    run = await pipeline.intake.accept_web(
        caller=caller,
        seed=Seed(url=parsed.href, url_key=parsed.key, host=parsed.host_key),
        name=parsed.host,
        group_id=None,
        config={"max_depth": 2, "max_pages": 10_000},
        secret_headers={},
    )
    await add_pages(pipeline, run.run_id, pages - 1)


class Work:
    """Jobs that are at work: each that ends makes room for the next one."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.at_work: list[TaskMessage] = []
        self.begun: list[UUID] = []
        """The tenants whose jobs were announced, in order."""

    async def begin(self) -> int:
        messages = await self._pipeline.windows.announce_waiting()
        self.at_work += messages
        self.begun += [message.tenant_id for message in messages]
        return len(messages)

    async def end_one(self) -> None:
        """The one that was announced first ends."""
        job = self.at_work.pop(0)
        await self._pipeline.rows(
            "UPDATE jobs SET status = 'succeeded', stage = NULL, finished_at = now() WHERE id = $1 RETURNING id",
            job.job_id,
        )

    async def until_served(self, tenant_id: UUID, jobs: int, *, patience: int) -> int:
        """How many jobs of others were begun meanwhile."""
        before = len(self.begun)
        while self.begun.count(tenant_id) < jobs:
            assert len(self.begun) - before < patience, Counter(self.begun)
            await self.end_one()
            await self.begin()
        return len(self.begun) - before - jobs


async def test_three_pages_beside_five_thousand(pipeline: Pipeline) -> None:
    large, small = await add_tenant(pipeline, "large"), await add_tenant(pipeline, "small")
    for number in range(3):
        await crawl(pipeline, large, f"https://large{number}.test/", 1667)
    work = Work(pipeline)
    while await work.begin():
        pass
    assert len(work.at_work) == WINDOW - LIMITS.reserved, "it has everything as long as it is alone"
    await crawl(pipeline, small, "https://small.test/", 3)
    assert await work.until_served(small.tenant_id, 3, patience=WINDOW) == 0


async def test_a_hundred_crawls_are_no_more_than_one(pipeline: Pipeline) -> None:
    large, small = await add_tenant(pipeline, "large"), await add_tenant(pipeline, "small")
    for number in range(100):
        await crawl(pipeline, large, f"https://large{number}.test/", 2)
    work = Work(pipeline)
    await work.begin()
    await crawl(pipeline, small, "https://small.test/", 20)
    # It soon holds as much as its one host may hold, 6 of 15.
    assert await work.until_served(small.tenant_id, 20, patience=60) <= 30


async def test_one_upload_behind_five_thousand(pipeline: Pipeline) -> None:
    large, small = await add_tenant(pipeline, "large"), await add_tenant(pipeline, "small")
    await add_uploads(pipeline, large, 5000)
    work = Work(pipeline)
    await work.begin()
    await add_uploads(pipeline, small, 1)
    assert await work.until_served(small.tenant_id, 1, patience=WINDOW) == 0


async def test_two_hundred_tenants_take_turns(pipeline: Pipeline) -> None:
    callers = [await add_tenant(pipeline, f"tenant-{number}") for number in range(200)]
    for caller in callers:
        await add_uploads(pipeline, caller, 2)
    work = Work(pipeline)
    for round_ in (1, 2):
        while len(work.begun) < round_ * len(callers):
            await work.begin()
            await work.end_one()
        served = Counter(work.begun[: round_ * len(callers)])
        assert set(served.values()) == {round_}, "nobody twice before everybody once"


async def test_a_tenant_whose_site_is_slow_leaves_slots_to_others(pipeline: Pipeline) -> None:
    slow, quick = await add_tenant(pipeline, "slow"), await add_tenant(pipeline, "quick")
    for number in range(2):
        await crawl(pipeline, slow, f"https://slow{number}.test/", 500)
    claims = await pipeline.work()
    assert len(claims) == 2 * LIMITS.of_host(0, SLOTS), "no host takes all of them"
    await pipeline.rows(
        "UPDATE jobs SET updated_at = now() - interval '1 minute' WHERE stage = 'claimed' RETURNING id"
    )
    await pipeline.claims.delivered([claim.ticket for claim in claims[LIMITS.of_slow(SLOTS) :]])
    await crawl(pipeline, quick, "https://quick.test/", 3)
    await add_uploads(pipeline, slow, 1)
    announced = await pipeline.windows.announce_waiting()
    assert Counter((m.tenant_id, m.handler.value) for m in announced) == {
        (slow.tenant_id, "file"): 1,
        (quick.tenant_id, "web"): 3,
    }


async def test_places_are_kept_for_uploads_by_people(pipeline: Pipeline) -> None:
    busy, person = await add_tenant(pipeline, "busy"), await add_tenant(pipeline, "person")
    for number in range(4):
        await crawl(pipeline, busy, f"https://busy{number}.test/", 100)
    work = Work(pipeline)
    await work.begin()
    assert len(work.at_work) == WINDOW - LIMITS.reserved
    await add_uploads(pipeline, person, 1)
    await work.begin()
    assert work.begun[-1] == person.tenant_id


async def test_tenants_that_fit_nowhere_do_not_hide_the_others(pipeline: Pipeline) -> None:
    one_per_host = Limits(per_slot=2, least=4, reserved=1, per_run=50, per_host=1, per_tenant=200)
    pipeline.windows = PostgresWindows(
        database=pipeline.database, limits=one_per_host, unstored_max=500, at_once=3
    )
    for number in range(8):
        await crawl(pipeline, await add_tenant(pipeline, f"same-{number}"), "https://same.test/", 3)
    late = await add_tenant(pipeline, "zz-late")
    await crawl(pipeline, late, "https://late.test/", 3)
    work = Work(pipeline)
    for _ in range(6):
        await work.begin()
    assert late.tenant_id in work.begun


async def test_a_tenant_has_no_more_in_flight_than_it_may(pipeline: Pipeline) -> None:
    tenants = PostgresTenants(database=pipeline.gateway)
    small = await add_tenant(pipeline, "small")
    await tenants.override(caller=CALLER, tenant_id=small.tenant_id, limits={"jobs_in_flight": 2})
    await add_uploads(pipeline, small, 5)
    await crawl(pipeline, small, "https://small.test/", 5)
    work = Work(pipeline)
    await work.begin()
    assert len(work.at_work) == 2
    await work.end_one()
    assert await work.begin() == 1


async def test_nothing_of_a_deleted_tenant_is_announced(pipeline: Pipeline) -> None:
    gone = await add_tenant(pipeline, "gone")
    await add_uploads(pipeline, gone, 1)
    await crawl(pipeline, gone, "https://gone.test/", 3)
    announced = len(await pipeline.windows.announce_waiting())
    assert announced == 4
    await pipeline.rows(
        "UPDATE jobs SET announced_at = now() - interval '1 hour' WHERE announced_at IS NOT NULL RETURNING id"
    )
    await PostgresTenants(database=pipeline.gateway).remove(caller=CALLER, tenant_id=gone.tenant_id)
    assert await pipeline.windows.announce_again(after_seconds=1, at_most=10) == []
    await pipeline.rows("UPDATE jobs SET announced_at = NULL RETURNING id")
    assert await pipeline.windows.announce_waiting() == []


@pytest.mark.parametrize("query", ["waiting_uploads", "waiting_pages"])
async def test_only_what_is_needed_is_read(pipeline: Pipeline, database: Database, query: str) -> None:
    """Jobs that have ended, tenants without work, and what waits behind the next of a tenant are not looked at."""
    busy = await add_tenant(pipeline, "busy")
    await pipeline.rows(
        "INSERT INTO tenants (slug, name) SELECT 'idle-' || n, 'Idle' FROM generate_series(1, 1000) AS n RETURNING id"
    )
    await pipeline.rows(
        """INSERT INTO jobs (id, tenant_id, root_id, type, handler, status, finished_at)
        SELECT k.id, t.id, k.id, 'upload', 'file', 'succeeded', now() FROM tenants t
        CROSS JOIN LATERAL (SELECT uuidv7() AS id, t.id AS same FROM generate_series(1, 20)) k RETURNING 1"""
    )
    await add_uploads(pipeline, busy, 5000)
    await crawl(pipeline, busy, "https://busy.test/", 5000)
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute("ANALYZE jobs, tenants, sources")
    finally:
        await owner.close()
    async with pipeline.database.transaction() as connection:
        plan = json.loads(
            await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {queries('jobs')[query]}", 16, 200)
        )
    read = _rows_read(plan[0]["Plan"])
    assert 0 < read["jobs"] < 500, read


def _rows_read(node: dict) -> Counter[str]:  # type: ignore[type-arg]  # as Postgres tells it
    """Rows that were read of each table, those that a filter then dropped included."""
    read: Counter[str] = Counter()
    if name := node.get("Relation Name"):
        dropped = node.get("Rows Removed by Filter", 0)
        read[name] += int((node["Actual Rows"] + dropped) * node["Actual Loops"])
    for child in node.get("Plans", ()):
        read += _rows_read(child)
    return read
