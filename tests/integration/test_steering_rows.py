"""Requests whose commit was not heard of, that race, or that are repeated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from shared.clock import new_id
from shared.errors import ErrorCode
from shared.postgres.intake import PostgresIntake
from shared.postgres.intake_errors import AlreadyRetriedError, NotFailedError
from shared.postgres.steering import RetriedMany
from shared.postgres.upkeep_jobs import PostgresJobUpkeep, Retried
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def failed_upload(pipeline: Pipeline, name: str = "a.md") -> UUID:
    upload = await pipeline.upload(name, name.encode())
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    return upload.run_id


async def test_a_cancel_that_was_committed_unheard_succeeds(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await pipeline.add_site()
    lose_first_answer(pipeline.gateway, monkeypatch)
    await pipeline.intake.cancel(caller=CALLER, job_id=site.run_id)
    assert await pipeline.value("SELECT status FROM jobs WHERE id = $1", site.run_id) == "cancelled"
    await pipeline.assert_balanced()


async def test_a_removal_that_was_committed_unheard_succeeds(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await pipeline.add_site()
    lose_first_answer(pipeline.gateway, monkeypatch)
    await pipeline.intake.delete_source(caller=CALLER, source_id=site.source_id, force=True)
    assert await pipeline.value("SELECT status FROM sources WHERE id = $1", site.source_id) == "deleting"


async def test_a_crawl_that_is_run_again_unheard_has_one_seed_page(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await pipeline.add_site()
    await pipeline.intake.cancel(caller=CALLER, job_id=site.run_id)
    lose_first_answer(pipeline.gateway, monkeypatch)
    run_id = await pipeline.intake.rerun(caller=CALLER, job_id=site.run_id)
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE parent_id = $1", run_id) == 1
    assert await pipeline.value("SELECT count(*) FROM audit_log WHERE action = 'job.rerun'") == 1
    await pipeline.assert_balanced()


async def test_a_job_whose_removal_was_committed_unheard_is_removed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await failed_upload(pipeline)
    lose_first_answer(pipeline.gateway, monkeypatch)
    await pipeline.intake.delete_job(caller=CALLER, job_id=run_id)
    assert await pipeline.value("SELECT count(*) FROM jobs") == 0
    await pipeline.assert_balanced()


async def test_a_retry_that_was_committed_unheard_counts_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await failed_upload(pipeline)
    lose_first_answer(pipeline.gateway, monkeypatch)
    assert await pipeline.intake.retry(caller=CALLER, job_id=run_id) == run_id
    assert await pipeline.value("SELECT retries FROM jobs WHERE id = $1", run_id) == 1
    await pipeline.assert_balanced()


async def test_retries_of_many_that_were_committed_unheard_are_counted(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [await failed_upload(pipeline, name) for name in ("a.md", "b.md")]
    # The transaction that looks for them comes first; its loss changes nothing, so the second one is lost.
    run, runs = pipeline.gateway.run, 0

    async def losing(*arguments: object) -> object:
        nonlocal runs
        runs += 1
        if runs == 2:
            lose_first_answer(pipeline.gateway, monkeypatch)
        return await run(*arguments)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(pipeline.gateway, "run", losing)
    assert await pipeline.intake.retry_many(caller=CALLER) == RetriedMany(len(failed))
    assert {row["retries"] for row in await pipeline.rows("SELECT retries FROM jobs")} == {1}


async def test_a_second_retry_of_a_crawl_is_told_apart_from_one_that_never_failed(pipeline: Pipeline) -> None:
    site = await pipeline.add_site()
    with pytest.raises(NotFailedError):
        await pipeline.intake.retry(caller=CALLER, job_id=site.run_id)
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=500))
    await pipeline.intake.retry(caller=CALLER, job_id=site.run_id)
    with pytest.raises(AlreadyRetriedError):
        await pipeline.intake.retry(caller=CALLER, job_id=site.run_id)


async def test_first_requests_of_a_tenant_share_the_default_group(pipeline: Pipeline) -> None:
    await asyncio.gather(*(pipeline.upload(f"{n}.md", str(n).encode()) for n in range(8)))
    assert await pipeline.value("SELECT count(*) FROM groups") == 1


# A person, several people and several janitors


async def test_whoever_retries_at_once_runs_a_job_once(pipeline: Pipeline) -> None:
    failed = [await failed_upload(pipeline, f"{n}.md") for n in range(6)]
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now() - interval '1 second'")
    janitors = [
        PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS) for _ in range(2)
    ]

    def one(job_id: UUID) -> Coroutine[Any, Any, object]:
        return pipeline.intake.retry(caller=CALLER, job_id=job_id)

    answers = await asyncio.gather(
        *(one(job_id) for job_id in failed),
        *(one(job_id) for job_id in failed),
        pipeline.intake.retry_many(caller=CALLER),
        pipeline.intake.retry_many(caller=CALLER, ids=failed),
        pipeline.intake.retry_many(caller=CALLER, error_code=ErrorCode.CORRUPT_FILE),
        *(janitor.retry_due(at_most=10) for janitor in janitors),
        return_exceptions=True,
    )
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(problem, AlreadyRetriedError) for problem in problems)
    done = sum(isinstance(answer, UUID) for answer in answers)
    done += sum(answer.retried for answer in answers if isinstance(answer, RetriedMany))
    done += sum(answer.retried for answer in answers if isinstance(answer, Retried))
    assert done == len(failed)
    rows = await pipeline.rows("SELECT status, retries, epoch, attempt FROM jobs")
    assert {tuple(row) for row in rows} == {("queued", 1, 2, 1)}
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    assert len(await pipeline.work()) <= len(failed)
    await pipeline.assert_balanced()


async def test_all_of_a_class_and_nothing_else_is_retried(pipeline: Pipeline) -> None:
    corrupt = await failed_upload(pipeline)
    upload = await pipeline.upload("b.md", b"b")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.ENCRYPTED, retryable=False))
    assert await pipeline.intake.retry_many(caller=CALLER, error_code=ErrorCode.ENCRYPTED) == RetriedMany(1)
    assert await pipeline.intake.retry_many(caller=CALLER, error_code=ErrorCode.ENCRYPTED) == RetriedMany(0)
    (left,) = await pipeline.rows("SELECT id FROM failed_jobs")
    assert left["id"] == corrupt
    assert await pipeline.value("SELECT status FROM jobs WHERE id = $1", upload.run_id) == "queued"


# More of them than one request has time for

ONE_MORE_DEAD = """
    WITH made AS (
        INSERT INTO jobs (id, tenant_id, root_id, source_id, type, handler, lane, status, payload, max_attempts,
            epoch, finished_at)
        SELECT new.id, j.tenant_id, new.id, j.source_id, j.type, j.handler, j.lane, 'failed', j.payload, 3, 1, now()
        FROM jobs j, LATERAL (SELECT gen_random_uuid() AS id FROM generate_series(1, $2)) AS new WHERE j.id = $1
        RETURNING id, tenant_id, root_id, source_id, handler, payload)
    INSERT INTO failed_jobs (id, tenant_id, root_id, source_id, handler, payload, error, error_code)
    SELECT id, tenant_id, root_id, source_id, handler, payload, 'No.', 'corrupt_file' FROM made
"""


def hasty(pipeline: Pipeline, *, seconds: float = 0.0) -> PostgresIntake:
    """A gateway whose requests to retry many have time for one slice."""
    return PostgresIntake(
        database=pipeline.gateway, max_attempts=3, retry_many_seconds=seconds, prune_limits=USUAL_PRUNE_LIMITS
    )


async def test_all_means_all_however_many_there_are(pipeline: Pipeline) -> None:
    await pipeline.rows(ONE_MORE_DEAD, await failed_upload(pipeline), 10_200)
    patient = hasty(pipeline, seconds=120.0)
    assert await patient.retry_many(caller=CALLER) == RetriedMany(10_201)
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE status = 'queued' AND retries = 1") == 10_201


@pytest.mark.parametrize("error_code", [None, ErrorCode.CORRUPT_FILE])
async def test_who_has_no_time_for_all_says_how_many_are_left(
    pipeline: Pipeline, error_code: ErrorCode | None
) -> None:
    await pipeline.rows(ONE_MORE_DEAD, await failed_upload(pipeline), 449)
    answers = [await hasty(pipeline).retry_many(caller=CALLER, error_code=error_code) for _ in range(4)]
    assert answers == [RetriedMany(200, 250), RetriedMany(200, 50), RetriedMany(50, 0), RetriedMany(0, 0)]


async def test_what_may_not_run_is_not_among_those_that_are_left(pipeline: Pipeline) -> None:
    """Or who asks until none is left would ask for ever."""
    site = await pipeline.add_site()
    (seed,) = await pipeline.work()
    links = [f"https://site.test/{n}" for n in range(2)]
    stored = await pipeline.store(pipeline.page(seed, "home", links))
    await pipeline.index(stored.indexing)
    dead, _ = await pipeline.work()
    await pipeline.store(pipeline.failure(dead, ErrorCode.HTTP_ERROR, retryable=False, http_status=500))
    await pipeline.intake.cancel(caller=CALLER, job_id=site.run_id)
    await pipeline.rows(ONE_MORE_DEAD, await failed_upload(pipeline), 199)
    assert await hasty(pipeline).retry_many(caller=CALLER) == RetriedMany(200, 0)
    assert await pipeline.value("SELECT array_agg(id) FROM failed_jobs") == [dead.ticket.job_id]


# Results of jobs that are not there


async def test_a_result_of_a_job_that_never_was_is_told_apart_from_one_of_a_removed_source(
    pipeline: Pipeline,
) -> None:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    result = pipeline.file(claim, "text")
    never = msgspec.structs.replace(result, job_id=new_id(), payload={})
    await pipeline.intake.delete_source(caller=CALLER, source_id=upload.source_id, force=True)
    await pipeline.rows("DELETE FROM jobs")
    stored = await pipeline.store(result, never)
    assert set(stored.late) == {result.job_id, never.job_id}
    assert stored.unknown == [never.job_id]
    assert not await pipeline.claims.never_was(result.job_id, upload.source_id)
    assert await pipeline.claims.never_was(result.job_id, None)
    assert await pipeline.claims.never_was(result.job_id, new_id())
