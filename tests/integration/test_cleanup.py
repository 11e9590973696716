"""Removing jobs that ended long ago: only those, all of them, and the ledger goes on counting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from janitor.core.steps import More
from janitor.tasks.forget_jobs import ForgetJobs
from shared.clock import new_id
from shared.errors import ErrorCode
from shared.postgres import cleanup as rows
from shared.postgres.cleanup import PostgresCleanup
from shared.states import ErrandType
from support.errands import DAY_SECONDS, Errands, cleanup
from support.pipeline import DEFAULT_TENANT
from support.rows import add_content
from support.upkeep import one_job

if TYPE_CHECKING:
    from uuid import UUID

    from support.pipeline import Pipeline
    from support.rows import Content


async def age(pipeline: Pipeline, *run_ids: UUID, days: float = 40.0) -> None:
    await pipeline.rows(
        "UPDATE jobs SET finished_at = now() - make_interval(secs => $2) WHERE root_id = ANY ($1::uuid[])",
        list(run_ids),
        days * DAY_SECONDS,
    )


async def copy_of_run(pipeline: Pipeline, made: Content) -> None:
    """A newer run of the same source, so that the first is not its newest."""
    job_id = new_id()
    await pipeline.rows(
        """INSERT INTO jobs (id, tenant_id, root_id, source_id, type, status, finished_at)
        VALUES ($1, $2, $1, $3, 'crawler', 'succeeded', now())""",
        job_id,
        DEFAULT_TENANT,
        made.source_id,
    )
    await pipeline.rows(
        "INSERT INTO ledger (tenant_id, accepted, succeeded) VALUES ($1, 1, 1)", DEFAULT_TENANT
    )


async def old_run(pipeline: Pipeline, *, documents: int = 3) -> Content:
    made = await add_content(pipeline.database, documents=documents)
    await copy_of_run(pipeline, made)
    await age(pipeline, made.run_id)
    return made


async def exists(pipeline: Pipeline, job_id: UUID) -> bool:
    return bool(await pipeline.value("SELECT count(*) FROM jobs WHERE id = $1", job_id))


async def removed(pipeline: Pipeline) -> int:
    return int(await pipeline.value("SELECT sum(removed_succeeded + removed_failed) FROM ledger"))


async def test_a_cleanup_removes_old_runs_with_all_that_belongs_to_them(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    runs = [await old_run(pipeline) for _ in range(5)]
    await pipeline.rows(
        "INSERT INTO job_logs (tenant_id, job_id, root_id, level, message)"
        " SELECT tenant_id, id, root_id, 'info', 'line' FROM jobs WHERE root_id = $1",
        runs[0].run_id,
    )
    job_id = await one.run(ErrandType.CLEANUP, cleanup())
    assert [await exists(pipeline, made.run_id) for made in runs] == [False] * 5
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE type = 'page'") == 0
    assert await pipeline.value("SELECT count(*) FROM document_versions WHERE is_active") == 15, (
        "content stays"
    )
    job = await one_job(pipeline, job_id)
    assert job["stats"] == {
        "jobs": 5,
        "pages": 15,
        "log_lines": 4,
        "failed_jobs": 0,
        "dry_run": False,
        "kept": 0,
    }
    assert (job["total"], job["succeeded"], job["skipped"]) == (5, 5, 0)
    assert await removed(pipeline) == 20
    await pipeline.assert_balanced()


async def test_a_dry_run_counts_the_same_and_removes_nothing(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    runs = [await old_run(pipeline) for _ in range(3)]
    dry = await one.run(ErrandType.CLEANUP, cleanup(dry_run=True))
    assert all([await exists(pipeline, made.run_id) for made in runs])
    real = await one.run(ErrandType.CLEANUP, cleanup())
    told, done = (await one_job(pipeline, dry))["stats"], (await one_job(pipeline, real))["stats"]
    assert told == done | {"dry_run": True}
    assert (told["jobs"], told["pages"]) == (3, 9)
    assert await removed(pipeline) == 12
    await pipeline.assert_balanced()


async def test_what_is_young_active_or_of_another_state_stays(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    young, cancelled, active = [await old_run(pipeline) for _ in range(3)]
    await age(pipeline, young.run_id, days=20)
    await pipeline.rows("UPDATE jobs SET status = 'cancelled' WHERE id = $1", cancelled.run_id)
    await pipeline.rows("UPDATE jobs SET status = 'running', finished_at = NULL WHERE id = $1", active.run_id)
    job_id = await one.run(ErrandType.CLEANUP, cleanup())
    assert all([await exists(pipeline, made.run_id) for made in (young, cancelled, active)])
    assert (await one_job(pipeline, job_id))["stats"]["jobs"] == 0


async def test_no_payload_goes_below_the_minimum_age(pipeline: Pipeline) -> None:
    one = Errands(pipeline, min_age_seconds=50 * DAY_SECONDS)
    made = await old_run(pipeline)
    await one.run(ErrandType.CLEANUP, cleanup(days=0))
    assert await exists(pipeline, made.run_id)


async def test_the_newest_run_of_a_live_source_stays(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await add_content(pipeline.database, documents=1)
    await age(pipeline, made.run_id)
    job_id = await one.run(ErrandType.CLEANUP, cleanup())
    assert await exists(pipeline, made.run_id)
    job = await one_job(pipeline, job_id)
    assert (job["stats"]["kept"], job["skipped"], job["total"]) == (1, 1, 1)


async def fail_page(pipeline: Pipeline, made: Content, *, next_retry: str | None) -> None:
    await pipeline.rows(
        "UPDATE jobs SET status = 'failed', error_code = $2, error = 'no' WHERE id = $1",
        made.page_ids[0],
        ErrorCode.TIMEOUT,
    )
    await pipeline.rows(
        """INSERT INTO failed_jobs (id, tenant_id, root_id, source_id, handler, payload, error, error_code, next_retry_at)
        SELECT id, tenant_id, root_id, source_id, 'web', payload, 'no', 'timeout', now() + $2::text::interval
        FROM jobs WHERE id = $1""",
        made.page_ids[0],
        next_retry,
    )
    await pipeline.rows(
        "INSERT INTO ledger (tenant_id, succeeded, failed) VALUES ($1, -1, 1)", DEFAULT_TENANT
    )


@pytest.mark.parametrize(
    ("statuses", "next_retry", "goes"),
    [
        (("succeeded",), None, False),
        (("succeeded", "failed"), None, True),
        (("succeeded", "failed"), "1 hour", False),
    ],
    ids=["people may retry it", "given up as well", "will be retried by itself"],
)
async def test_a_run_with_a_dead_job_goes_only_when_failed_ones_are_asked_for(
    pipeline: Pipeline, statuses: tuple[str, ...], next_retry: str | None, *, goes: bool
) -> None:
    one = Errands(pipeline)
    made = await old_run(pipeline)
    await fail_page(pipeline, made, next_retry=next_retry)
    await one.run(ErrandType.CLEANUP, cleanup(*statuses))
    assert await exists(pipeline, made.run_id) is not goes
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == int(not goes)
    await pipeline.assert_balanced()


async def test_a_run_that_still_holds_pages_stays(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    made = await old_run(pipeline)
    await pipeline.rows(
        "INSERT INTO prunes (run_id, tenant_id, source_id, state, pages, served) VALUES ($1, $2, $3, 'held', 1, 1)",
        made.run_id,
        DEFAULT_TENANT,
        made.source_id,
    )
    await one.run(ErrandType.CLEANUP, cleanup())
    assert await exists(pipeline, made.run_id)


async def test_a_large_run_goes_in_slices_and_its_seed_page_last(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_AT_ONCE", 4)
    one = Errands(pipeline)
    await old_run(pipeline, documents=10)
    job_id = await one.start(ErrandType.CLEANUP, cleanup())
    errand = await one.take()
    left = []
    for _ in range(3):
        step = await one.step(errand)
        assert isinstance(step, More)
        errand = step.errand
        left.append(await pipeline.value("SELECT count(*) FROM jobs WHERE type = 'page'"))
        await pipeline.assert_balanced()
    assert left == [10, 6, 2]
    assert await pipeline.value("SELECT bool_or(is_seed) FROM jobs WHERE type = 'page'")
    await one.go()
    await pipeline.rows("UPDATE jobs SET status = 'queued', stage = NULL, epoch = 2 WHERE id = $1", job_id)
    heir = Errands(pipeline)
    await heir.finish(await heir.take())
    job = await one_job(pipeline, job_id)
    assert {name: job["stats"][name] for name in ("jobs", "pages")} == {"jobs": 1, "pages": 10}, (
        "the figures survived its first janitor"
    )
    await pipeline.assert_balanced()


async def test_a_commit_whose_answer_was_lost_is_counted_once(pipeline: Pipeline) -> None:
    one = Errands(pipeline)
    runs = [await old_run(pipeline) for _ in range(2)]
    await one.start(ErrandType.CLEANUP, cleanup())
    begun = await one.step(await one.take())
    assert isinstance(begun, More)
    work: Any = one.works[ErrandType.CLEANUP]
    wish = work._wish(begun.errand)
    ids = [made.run_id for made in runs]
    first = await work._rows.remove_for(begun.errand, wish, ids)
    second = await work._rows.remove_for(begun.errand, wish, ids)
    assert first is not None
    assert second is not None
    assert second[1].stats["jobs"] == first[1].stats["jobs"] == 2
    assert second[1].progress.succeeded == 2


async def test_jobs_are_forgotten_when_they_were_kept_long_enough(pipeline: Pipeline) -> None:
    runs = [await old_run(pipeline) for _ in range(3)]
    database = PostgresCleanup(database=pipeline.database)
    never = ForgetJobs(rows=database, keep_seconds=0.0, at_once=2, slices=10)
    assert await never.run_once() == {}
    later = ForgetJobs(rows=database, keep_seconds=50 * DAY_SECONDS, at_once=2, slices=10)
    assert sum((await later.run_once()).values()) == 0
    now = ForgetJobs(rows=database, keep_seconds=30 * DAY_SECONDS, at_once=2, slices=10)
    assert await now.run_once() == {"jobs": 3, "pages": 9}
    assert not any([await exists(pipeline, made.run_id) for made in runs])
    assert json.loads(await pipeline.value("SELECT to_json(sum(removed_succeeded)) FROM ledger")) == 12
    await pipeline.assert_balanced()
