"""Requests whose commit was not heard of, that race, or that are repeated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.errors import ErrorCode
from shared.postgres.intake_errors import AlreadyRetriedError, NotFailedError
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from support.databases import Database


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(database.service_url)
    yield pipeline
    await pipeline.close()


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
    assert await pipeline.intake.retry_many(caller=CALLER) == len(failed)
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
