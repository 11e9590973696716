"""Errands on real Postgres: taken once, fenced, counted, taken back from a janitor that died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from janitor.core.steps import Lost, More
from shared.errors import ErrorCode, WorkError
from shared.postgres.intake_errors import AlreadyFinishedError, NotFailedError, NotFoundError
from shared.states import ErrandType, JobStatus
from support.errands import Errands, cleanup
from support.pipeline import CALLER
from support.rows import add_content
from support.upkeep import one_job, reclaim_lost

if TYPE_CHECKING:
    from uuid import UUID

    from support.pipeline import Pipeline

FAILURE = WorkError(ErrorCode.SUMMARY_UNAVAILABLE, "It did not answer.", retryable=True)


async def lines(pipeline: Pipeline, job_id: UUID) -> list[tuple[str, str]]:
    rows = await pipeline.rows("SELECT level, message FROM job_logs WHERE job_id = $1 ORDER BY id", job_id)
    return [(row["level"], row["message"]) for row in rows]


async def test_an_errand_is_taken_by_one_process_and_by_none_without_a_lease(pipeline: Pipeline) -> None:
    first, second = Errands(pipeline), Errands(pipeline)
    job_id = await first.start(ErrandType.CLEANUP, cleanup())
    assert await first.rows.take(known=()) is None, "it has no lease"
    await second.come()
    errand = await first.take()
    assert (errand.id, errand.epoch, errand.attempt) == (job_id, 1, 1)
    assert await second.rows.take(known=()) is None
    assert await first.rows.take(known=[job_id]) is None
    again = await first.rows.take(known=())
    assert again is not None
    assert again.id == job_id, "the answer to the commit was lost: its own comes back"
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["stage"], job["worker_id"]) == ("running", "claimed", first.janitor_id)
    await pipeline.assert_balanced()


async def test_tenants_take_turns_and_so_do_errands_that_were_handed_back(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    ids = [await one.start(ErrandType.CLEANUP, cleanup()) for _ in range(3)]
    other = await pipeline.value(
        "INSERT INTO tenants (id, slug, name) VALUES (uuidv7(), 'other', 'Other') RETURNING id"
    )
    await pipeline.rows("UPDATE jobs SET tenant_id = $1 WHERE id = $2", other, ids[2])
    first = await one.take()
    second = await one.take(first.id)
    assert (first.id, second.id) == (ids[0], ids[2])
    await one.rows.hand_back(second)
    await one.rows.hand_back(first)
    third = await one.take()
    fourth = await one.take(third.id)
    assert (third.id, fourth.id) == (ids[1], ids[2]), "what had its turn went to the end of the line"


async def test_whoever_lost_an_errand_writes_nothing_about_it(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    job_id = await one.start(ErrandType.CLEANUP, cleanup())
    errand = await one.take()
    await pipeline.intake.cancel(caller=CALLER, job_id=job_id)
    assert isinstance(await one.step(errand), Lost)
    assert await one.rows.succeed(errand) is False
    assert await one.rows.fail(errand, FAILURE) is None
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["worker_id"]) == ("cancelled", None)
    with pytest.raises(AlreadyFinishedError):
        await pipeline.intake.cancel(caller=CALLER, job_id=job_id)
    await pipeline.assert_balanced()


async def test_the_errand_of_a_janitor_that_died_goes_on_with_another_one(pipeline: Pipeline) -> None:
    dead, heir = Errands(pipeline), Errands(pipeline)
    job_id = await dead.start(ErrandType.CLEANUP, cleanup())
    errand = await dead.take()
    await dead.go()
    assert await reclaim_lost(pipeline).run_once() == {"queued": 1}
    taken = await heir.take()
    assert (taken.id, taken.epoch) == (job_id, 2)
    await dead.come()
    assert isinstance(await dead.step(errand), Lost), "an earlier epoch"
    await heir.finish(taken)
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["reclaims"], job["attempt"]) == ("succeeded", 1, 1)
    await pipeline.assert_balanced()


async def test_an_errand_that_kills_its_janitor_each_time_ends(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    job_id = await one.start(ErrandType.CLEANUP, cleanup())
    for _ in range(3):
        await one.take()
        await one.go()
        await reclaim_lost(pipeline, max_reclaims=2).run_once()
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["error_code"]) == ("failed", "lease_lost")
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0, "that is for ingestion work"
    with pytest.raises(NotFailedError):
        await pipeline.intake.retry(caller=CALLER, job_id=job_id)
    again = await pipeline.intake.rerun(caller=CALLER, job_id=job_id)
    assert (await one.take()).id == again
    await pipeline.assert_balanced()


async def test_a_try_that_fails_is_repeated_and_the_last_one_keeps_its_error(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    job_id = await one.start(ErrandType.CLEANUP, cleanup())
    for attempt in (1, 2):
        errand = await one.take()
        assert errand.attempt == attempt
        assert await one.rows.fail(errand, FAILURE) is JobStatus.QUEUED
    assert await one.rows.fail(await one.take(), FAILURE) is JobStatus.FAILED
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["error_code"], job["error"]) == (
        "failed",
        "summary_unavailable",
        "It did not answer.",
    )
    assert await lines(pipeline, job_id) == [
        ("info", "started"),
        ("warning", "It did not answer."),
        ("info", "started"),
        ("warning", "It did not answer."),
        ("info", "started"),
        ("error", "It did not answer."),
    ]
    await pipeline.assert_balanced()


async def test_an_errand_takes_no_place_in_the_windows_of_ingestion(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    await one.start(ErrandType.CLEANUP, cleanup())
    await one.take()
    occupied = await pipeline.rows(
        "SELECT 1 FROM jobs WHERE status = 'running' AND stage = 'claimed' AND handler IS NOT NULL"
    )
    assert occupied == []
    await pipeline.upload("a.md", b"a")
    assert len(await pipeline.work()) == 1


async def test_a_reembed_follows_a_rebuild_to_its_end_and_keeps_no_crawl_waiting(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await add_content(pipeline.database, documents=3, chunks_each=2)
    ((source_id, job_id),) = await pipeline.intake.reembed(caller=CALLER, source_ids=[made.source_id])
    assert source_id == made.source_id
    assert await pipeline.intake.reembed(caller=CALLER, source_ids=[made.source_id]) == [(source_id, job_id)]
    step = await one.step(await one.take())
    assert isinstance(step, More)
    rebuild = await pipeline.rows("SELECT * FROM rebuilds")
    assert [(row["job_id"], row["total"]) for row in rebuild] == [(job_id, 6)]
    await pipeline.intake.sync(caller=CALLER, source_id=source_id, host="https://site.test:443")
    assert len(await pipeline.work()) == 1, "the crawl does not wait for it"
    await pipeline.rows("UPDATE rebuilds SET noted = 6, noted_up_to = NULL, finished_at = now()")
    await one.finish(step.errand)
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["total"], job["succeeded"]) == ("succeeded", 6, 6)
    await pipeline.assert_balanced()


async def test_the_rebuild_of_a_cancelled_reembed_ends_with_it(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await add_content(pipeline.database, documents=3, chunks_each=2)
    ((_, job_id),) = await pipeline.intake.reembed(caller=CALLER, source_ids=[made.source_id])
    step = await one.step(await one.take())
    assert isinstance(step, More)
    rebuilds = one.works[ErrandType.REEMBED]._rebuilds  # type: ignore[attr-defined]
    (rebuild_id,) = await rebuilds.open()
    assert await rebuilds.advance(rebuild_id, at_most=4, waiting_max=4) == 4
    await pipeline.intake.cancel(caller=CALLER, job_id=job_id)
    assert await rebuilds.advance(rebuild_id, at_most=4, waiting_max=4) == 0
    assert await pipeline.value("SELECT reason FROM rebuilds") == "cancelled"
    assert await pipeline.value("SELECT count(*) FROM repairs") == 0
    assert isinstance(await one.step(step.errand), Lost)
    await pipeline.assert_balanced()


async def test_a_source_with_an_open_reembed_goes_with_force_alone(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await add_content(pipeline.database, documents=1)
    ((_, job_id),) = await pipeline.intake.reembed(caller=CALLER, source_ids=[made.source_id])
    errand = await one.take()
    await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)
    assert isinstance(await one.step(errand), Lost)
    assert (await one_job(pipeline, job_id))["status"] == "cancelled"
    with pytest.raises(NotFoundError):
        await pipeline.intake.reembed(caller=CALLER, source_ids=[made.source_id])
    await pipeline.assert_balanced()


async def test_errands_about_what_is_not_there_are_refused(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await add_content(pipeline.database, documents=1)
    for payload in ({"source_id": str(made.run_id)}, {"document_ids": [str(made.run_id)]}):
        with pytest.raises(NotFoundError):
            await one.start(ErrandType.SUMMARIZER, payload | {"sentences": 3})
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE type = 'summarizer'") == 0
