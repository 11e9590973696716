"""What a worker does to the rows of its jobs, over real Postgres."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.postgres.claims import Ticket

if TYPE_CHECKING:
    from support.pipeline import Pipeline


async def _somebody_waits_for_a_lock(pipeline: Pipeline) -> None:
    async with asyncio.timeout(4):
        while not await pipeline.value(  # noqa: ASYNC110  (the server tells nobody)
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.01)


async def test_a_claim_takes_the_locks_of_roots_before_those_of_pages(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    upload = await pipeline.upload("a.md", b"a")
    messages = await pipeline.windows.announce_waiting()
    (page_id,) = [m.job_id for m in messages if m.job_id != upload.run_id]
    async with pipeline.gateway.transaction("*") as other:
        await other.execute("SELECT 1 FROM jobs WHERE id = $1 FOR NO KEY UPDATE", upload.run_id)
        claiming = asyncio.create_task(pipeline.claims.claim([Ticket(m.job_id, m.epoch) for m in messages]))
        await _somebody_waits_for_a_lock(pipeline)
        # Who holds a root may go on to its pages: the claim that waits for the root holds none of them.
        await other.execute("SELECT 1 FROM jobs WHERE id = $1 FOR NO KEY UPDATE NOWAIT", page_id)
    assert {claim.ticket.job_id for claim in await claiming} == {page_id, upload.run_id}


async def test_a_claim_starts_the_run_of_a_page_and_says_where_its_source_is(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.upload("a.md", b"a")
    claims = await pipeline.work()
    assert {claim.source_url for claim in claims} == {"https://site.test/", None}
    assert await pipeline.value("SELECT status FROM jobs WHERE id = $1", accepted.run_id) == "running"


async def test_a_job_that_is_handed_back_is_due_when_it_is_said_to_be(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (claim,) = await pipeline.work()
    assert await pipeline.claims.hand_back([claim.ticket], after_seconds=60) == 1
    assert await pipeline.work() == []
    due = "SELECT extract(epoch FROM available_at - now()) FROM jobs WHERE id = $1"
    assert 50 < await pipeline.value(due, claim.ticket.job_id) <= 60


async def test_a_job_that_is_handed_back_at_once_keeps_its_attempt(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (claim,) = await pipeline.work()
    assert await pipeline.claims.hand_back([claim.ticket], after_seconds=0) == 1
    (again,) = await pipeline.work()
    assert (again.attempt, again.ticket.epoch) == (claim.attempt, claim.ticket.epoch + 1)


async def test_what_a_worker_holds_is_what_it_has_claimed_and_not_delivered(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    await pipeline.upload("a.md", b"a")
    page, upload = await pipeline.work()
    assert set(await pipeline.claims.held()) == {page.ticket, upload.ticket}
    await pipeline.claims.delivered([page.ticket])
    assert await pipeline.claims.held() == [upload.ticket]
    await pipeline.claims.hand_back([upload.ticket], after_seconds=60)
    assert await pipeline.claims.held() == []
