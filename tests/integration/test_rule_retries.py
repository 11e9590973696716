"""A retry is guarded by the job's failure, by its run and by its source, however many ask for it at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.errors import ErrorCode
from shared.postgres.intake_errors import AlreadyRetriedError, NotFoundError
from shared.postgres.steering import RetriedMany
from shared.postgres.upkeep_jobs import PostgresJobUpkeep
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.pipeline import CALLER, Pipeline
from support.waiting import held

if TYPE_CHECKING:
    from uuid import UUID


LEAF = "https://site.test/leaf"


async def dead_upload(pipeline: Pipeline, name: str = "a.md") -> UUID:
    accepted = await pipeline.upload(name, name.encode())
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    return accepted.run_id


async def crawl_with_a_dead_page(pipeline: Pipeline) -> tuple[UUID, UUID]:
    """A run with one dead page and one that is still open: the run and the dead page."""
    accepted = await pipeline.add_site()
    (seed,) = await pipeline.work()
    stored = await pipeline.store(pipeline.page(seed, "home", [LEAF, "https://site.test/open"]))
    await pipeline.index(stored.indexing)
    dead, _ = await pipeline.work()
    await pipeline.store(pipeline.failure(dead, ErrorCode.HTTP_ERROR, retryable=False, http_status=500))
    return accepted.run_id, dead.ticket.job_id


async def state(pipeline: Pipeline, job_id: UUID) -> tuple[str, int, int]:
    (row,) = await pipeline.rows("SELECT status, epoch, retries FROM jobs WHERE id = $1", job_id)
    return row["status"], row["epoch"], row["retries"]


async def test_of_many_who_retry_a_job_at_once_one_does(pipeline: Pipeline) -> None:
    job_id = await dead_upload(pipeline)
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now()")
    upkeep = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    done = await asyncio.gather(
        *(pipeline.intake.retry(caller=CALLER, job_id=job_id) for _ in range(3)),
        *(pipeline.intake.retry_many(caller=CALLER) for _ in range(3)),
        *(upkeep.retry_due(at_most=10) for _ in range(3)),
        return_exceptions=True,
    )
    retried = [one == job_id for one in done[:3]] + [one == RetriedMany(1) for one in done[3:6]]
    retried += [getattr(one, "retried", 0) == 1 for one in done[6:]]
    assert retried.count(True) == 1
    assert all(isinstance(one, AlreadyRetriedError) for one in done[:3] if one != job_id)
    assert await state(pipeline, job_id) == ("queued", 2, 1)
    await pipeline.assert_balanced()


async def test_a_job_of_a_source_that_goes_is_not_there_to_be_retried(pipeline: Pipeline) -> None:
    job_id = await dead_upload(pipeline)
    source_id = await pipeline.value("SELECT source_id FROM jobs WHERE id = $1", job_id)
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=False)
    with pytest.raises(NotFoundError):
        await pipeline.intake.retry(caller=CALLER, job_id=job_id)
    assert await pipeline.intake.retry_many(caller=CALLER) == RetriedMany(0)
    assert await state(pipeline, job_id) == ("failed", 1, 0)


async def test_dead_pages_of_a_cancelled_run_are_passed_over_when_many_are_retried(
    pipeline: Pipeline,
) -> None:
    run_id, page_id = await crawl_with_a_dead_page(pipeline)
    await pipeline.intake.cancel(caller=CALLER, job_id=run_id)
    upload = await dead_upload(pipeline)
    assert await pipeline.intake.retry_many(caller=CALLER) == RetriedMany(1)
    assert await state(pipeline, page_id) == ("failed", 1, 0)
    assert await state(pipeline, upload) == ("queued", 2, 1)
    assert (await state(pipeline, run_id))[0] == "cancelled"
    await pipeline.assert_balanced()


async def test_a_retry_is_accepted_together_with_its_run_and_its_dead_letter(pipeline: Pipeline) -> None:
    run_id, page_id = await crawl_with_a_dead_page(pipeline)
    (left,) = await pipeline.rows("SELECT id FROM jobs WHERE stage = 'claimed'")
    await pipeline.intake.cancel(caller=CALLER, job_id=left["id"])
    assert await state(pipeline, run_id) == ("succeeded", 1, 0)
    await pipeline.intake.retry(caller=CALLER, job_id=page_id)
    (run,) = await pipeline.rows("SELECT status, finished_at, failed FROM jobs WHERE id = $1", run_id)
    assert tuple(run) == ("running", None, 0)
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    await pipeline.assert_balanced()


async def test_a_page_that_fails_does_not_fail_its_run(pipeline: Pipeline) -> None:
    run_id, _ = await crawl_with_a_dead_page(pipeline)
    (left,) = await pipeline.rows("SELECT id FROM jobs WHERE stage = 'claimed'")
    assert (await state(pipeline, run_id))[0] == "running"
    await pipeline.intake.cancel(caller=CALLER, job_id=left["id"])
    (run,) = await pipeline.rows(
        "SELECT status, failed, cancelled, error_code FROM jobs WHERE id = $1", run_id
    )
    assert tuple(run) == ("succeeded", 1, 1, None)
    assert await pipeline.value("SELECT array_agg(root_id = id) FROM failed_jobs") == [False]


async def test_a_run_that_nobody_closed_is_closed_by_the_janitor(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_depth=0)
    (seed,) = await pipeline.work()
    stored = await pipeline.store(pipeline.page(seed, "home"))
    await pipeline.index(stored.indexing)
    await pipeline.rows(
        "UPDATE jobs SET status = 'running', finished_at = NULL WHERE id = $1", accepted.run_id
    )
    upkeep = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    closed = await asyncio.gather(*(upkeep.close_runs(stalled_seconds=600, at_most=10) for _ in range(3)))
    assert sum(done["closed"] for done in closed) == 1
    assert (await state(pipeline, accepted.run_id))[0] == "succeeded"


async def test_a_job_that_failed_anew_meanwhile_waits_for_its_next_time(pipeline: Pipeline) -> None:
    job_id = await dead_upload(pipeline)
    source_id = await pipeline.value("SELECT source_id FROM jobs WHERE id = $1", job_id)
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now()")
    retrying = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS).retry_due(
        at_most=10
    )
    async with held(pipeline, "sources", source_id, meanwhile=retrying) as other:
        await other.execute("UPDATE failed_jobs SET next_retry_at = now() + interval '1 hour'")
    assert await state(pipeline, job_id) == ("failed", 1, 0)
    assert await pipeline.value("SELECT next_retry_at > now() FROM failed_jobs")
