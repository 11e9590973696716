"""What lost its owner is taken back, and nothing else: looked at again under the locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.upkeep_reclaims import PostgresReclaims, Reclaimed
from shared.reclaims import ReclaimLimits
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.waiting import held

if TYPE_CHECKING:
    from support.pipeline import Pipeline


def reclaims(pipeline: Pipeline) -> PostgresReclaims:
    return PostgresReclaims(
        database=pipeline.database,
        limits=ReclaimLimits(max_reclaims=5, max_lost_results=5, base_seconds=0),
        policy=pipeline.policy,
        patience_seconds=30,
        jitter=lambda: 0.0,
        prune_limits=USUAL_PRUNE_LIMITS,
    )


async def test_a_worker_that_comes_back_while_its_job_is_about_to_be_taken_keeps_it(
    pipeline: Pipeline,
) -> None:
    accepted = await pipeline.upload("a.md", b"a")
    await pipeline.work()
    await pipeline.beat("ingest-worker", pipeline.worker_id, lease_seconds=-1)
    taken: list[Reclaimed] = []

    async def taking() -> None:
        taken.append(await reclaims(pipeline).reclaim(at_most=10))

    async with held(pipeline, "sources", accepted.source_id, meanwhile=taking()):
        await pipeline.beat("ingest-worker", pipeline.worker_id)
    assert taken[0].queued.total() == taken[0].failed.total() == 0
    assert await pipeline.value("SELECT stage FROM jobs WHERE id = $1", accepted.run_id) == "claimed"


async def test_the_jobs_of_a_worker_that_is_not_known_any_more_are_taken_back(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    await pipeline.work()
    await pipeline.rows("DELETE FROM workers WHERE id = $1", pipeline.worker_id)
    assert (await reclaims(pipeline).reclaim(at_most=10)).queued.total() == 1


async def test_one_sign_of_life_keeps_all_that_a_worker_holds_and_changes_no_job(pipeline: Pipeline) -> None:
    for number in range(3):
        await pipeline.upload(f"{number}.md", b"%d" % number)
    assert len(await pipeline.work()) == 3
    jobs = "SELECT jsonb_agg(to_jsonb(j) ORDER BY id) FROM jobs j"
    before = await pipeline.value(jobs)
    await pipeline.beat("ingest-worker", pipeline.worker_id, lease_seconds=-1)
    await pipeline.beat("ingest-worker", pipeline.worker_id)
    assert (await reclaims(pipeline).reclaim(at_most=10)).queued.total() == 0
    assert await pipeline.value(jobs) == before
    assert await pipeline.value("SELECT count(*) FROM workers WHERE id = $1", pipeline.worker_id) == 1


async def test_nothing_of_a_source_that_goes_is_queued_again(pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("a.md", b"a")
    await pipeline.work()
    await pipeline.beat("ingest-worker", pipeline.worker_id, lease_seconds=-1)
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    assert (await reclaims(pipeline).reclaim(at_most=10)).cancelled == 1
    assert await pipeline.value("SELECT status FROM jobs WHERE id = $1", accepted.run_id) == "cancelled"
    await pipeline.assert_balanced()
