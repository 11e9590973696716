"""What the janitor does to jobs, on real Postgres."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from janitor.tasks.reclaim_lost import ReclaimLost
from shared.dispatch import Dispatcher
from shared.errors import ErrorCode
from shared.postgres.upkeep_figures import PostgresFigures
from shared.postgres.upkeep_jobs import PostgresJobUpkeep
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.reclaims import ReclaimLimits
from shared.retry import RetryPolicy
from shared.testing.queue import MemoryBroker
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from support.pipeline import Pipeline


POLICY = RetryPolicy(base_seconds=0.0, dead_base_seconds=60.0, dead_retries_max=3)


def reclaim_lost(pipeline: Pipeline, *, max_reclaims: int = 2, max_lost_results: int = 2) -> ReclaimLost:
    limits = ReclaimLimits(max_reclaims=max_reclaims, max_lost_results=max_lost_results, base_seconds=0.0)
    reclaims = PostgresReclaims(
        database=pipeline.database,
        limits=limits,
        policy=POLICY,
        patience_seconds=30.0,
        jitter=lambda: 0.0,
        prune_limits=USUAL_PRUNE_LIMITS,
    )
    return ReclaimLost(reclaims=reclaims, at_once=100, slices=5, settled=lambda: True)


async def one_job(pipeline: Pipeline, job_id: UUID) -> Record:
    return (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", job_id))[0]


async def let_lapse(pipeline: Pipeline, worker_id: UUID) -> None:
    await pipeline.rows(
        "UPDATE workers SET lease_until = now() - interval '1 second' WHERE id = $1", worker_id
    )


async def revive(pipeline: Pipeline) -> None:
    await pipeline.beat("ingest-worker", pipeline.worker_id, slots=8)


async def test_the_jobs_of_a_dead_worker_are_queued_again_at_the_next_epoch(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await let_lapse(pipeline, pipeline.worker_id)
    assert await reclaim_lost(pipeline).run_once() == {"queued": 1}
    job = await one_job(pipeline, upload.run_id)
    assert (job["status"], job["epoch"], job["attempt"], job["reclaims"]) == ("queued", 2, 1, 1)
    late = await pipeline.store(pipeline.file(claim, "too late"))
    assert late.late == [upload.run_id]
    await revive(pipeline)
    (again,) = await pipeline.work()
    assert again.ticket.epoch == 2
    await pipeline.assert_balanced()


async def test_a_worker_that_lives_keeps_its_jobs(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    await pipeline.work()
    assert await reclaim_lost(pipeline).run_once() == {}
    assert (await one_job(pipeline, upload.run_id))["stage"] == "claimed"


async def test_a_job_that_loses_its_worker_again_and_again_ends_with_a_dead_letter(
    pipeline: Pipeline,
) -> None:
    upload = await pipeline.upload("killer.pdf", b"x")
    for _ in range(2):
        await pipeline.work()
        await let_lapse(pipeline, pipeline.worker_id)
        assert await reclaim_lost(pipeline).run_once() == {"queued": 1}
        await revive(pipeline)
    await pipeline.work()
    await let_lapse(pipeline, pipeline.worker_id)
    assert await reclaim_lost(pipeline).run_once() == {"failed": 1}
    job = await one_job(pipeline, upload.run_id)
    assert (job["status"], job["error_code"], job["attempt"]) == ("failed", ErrorCode.LEASE_LOST, 1)
    (dead,) = await pipeline.rows("SELECT * FROM failed_jobs")
    assert dead["id"] == upload.run_id
    assert dead["retryable"]
    assert dead["next_retry_at"] is not None
    assert dead["payload"]["upload_uri"] == "file:///blobs/killer.pdf"
    await pipeline.assert_balanced()


async def test_a_job_that_outlives_its_deadline_is_taken_from_a_living_worker(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("slow.pdf", b"x")
    await pipeline.work()
    await pipeline.rows("UPDATE jobs SET deadline_at = now() - interval '1 second'")
    assert await reclaim_lost(pipeline).run_once() == {"queued": 1}
    assert (await one_job(pipeline, upload.run_id))["reclaims"] == 1


async def test_a_lost_result_is_derived_again_and_counts_against_no_cap(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.claims.delivered([claim.ticket])
    await pipeline.rows("UPDATE jobs SET deadline_at = now() - interval '1 second'")
    # The only consumer has just started: the result may still wait for it.
    assert await reclaim_lost(pipeline).run_once() == {}
    await pipeline.rows("UPDATE workers SET started_at = now() - interval '1 hour'")
    assert await reclaim_lost(pipeline).run_once() == {"queued": 1}
    job = await one_job(pipeline, upload.run_id)
    assert (job["status"], job["epoch"], job["reclaims"], job["stats"]) == (
        "queued",
        2,
        0,
        {"lost_results": 1},
    )


async def test_a_result_that_is_lost_for_ever_ends_the_job(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    await pipeline.rows("UPDATE workers SET started_at = now() - interval '1 hour'")
    for expected in ({"queued": 1}, {"queued": 1}, {"failed": 1}):
        (claim,) = await pipeline.work()
        await pipeline.claims.delivered([claim.ticket])
        await pipeline.rows("UPDATE jobs SET deadline_at = now() - interval '1 second'")
        assert await reclaim_lost(pipeline).run_once() == expected
    assert (await one_job(pipeline, upload.run_id))["error_code"] == "lease_lost"
    await pipeline.assert_balanced()


async def test_indexing_is_never_reclaimed_because_consumers_adopt_it(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "text"))
    await let_lapse(pipeline, pipeline.consumer_id)
    await let_lapse(pipeline, pipeline.worker_id)
    assert await reclaim_lost(pipeline).run_once() == {}
    assert (await one_job(pipeline, upload.run_id))["stage"] == "indexing"


async def test_two_janitors_reclaim_a_job_once(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    await pipeline.work()
    await let_lapse(pipeline, pipeline.worker_id)
    done = await asyncio.gather(*(reclaim_lost(pipeline).run_once() for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, 1]


async def test_an_announcement_that_was_lost_is_made_again_and_then_left_alone_for_longer(
    pipeline: Pipeline,
) -> None:
    broker = MemoryBroker()
    dispatcher = Dispatcher(windows=pipeline.windows, publisher=broker.publisher())
    await pipeline.upload("a.md", b"a")
    await dispatcher.announce()
    counts = []
    for age in (59, 61, 61, 119, 121):
        await pipeline.rows("UPDATE jobs SET announced_at = now() - make_interval(secs => $1)", float(age))
        counts.append(await dispatcher.announce_again(after_seconds=60, at_most=100))
    # The second pause is twice as long as the first.
    assert counts == [0, 1, 0, 0, 1]
    assert len(broker.published("ingest.task")) == 3


async def test_a_full_window_is_announced_again_once_and_not_in_a_storm(pipeline: Pipeline) -> None:
    broker = MemoryBroker()
    dispatcher = Dispatcher(windows=pipeline.windows, publisher=broker.publisher())
    for number in range(40):
        await pipeline.upload(f"{number}.md", b"%d" % number)
    window = await dispatcher.announce()
    await pipeline.rows(
        "UPDATE jobs SET announced_at = now() - interval '61 seconds' WHERE announced_at IS NOT NULL"
    )
    again = [await dispatcher.announce_again(after_seconds=60, at_most=500) for _ in range(10)]
    assert again == [window] + [0] * 9


async def test_what_waits_in_a_long_queue_is_not_announced_again(pipeline: Pipeline) -> None:
    broker = MemoryBroker()
    dispatcher = Dispatcher(windows=pipeline.windows, publisher=broker.publisher())
    for number in range(40):
        await pipeline.upload(f"{number}.md", b"%d" % number)
    window = await dispatcher.announce()
    lost = 3
    for age, waiting, again in ((61, window, 0), (3600, window, 0), (3600, window - lost, lost)):
        await pipeline.rows(
            "UPDATE jobs SET announced_at = now() - make_interval(secs => $1) WHERE announced_at IS NOT NULL",
            float(age),
        )
        found = await dispatcher.announce_again(after_seconds=60, at_most=500, waiting=waiting)
        assert found == again
    assert len(broker.published("ingest.task")) == window + lost


async def test_looking_for_work_finds_only_what_is_due(pipeline: Pipeline) -> None:
    jobs = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    assert not await jobs.anything_waiting()
    await pipeline.add_site()
    assert await jobs.anything_waiting()
    await pipeline.rows("UPDATE jobs SET available_at = now() + interval '1 hour'")
    assert not await jobs.anything_waiting()


async def dead_job(pipeline: Pipeline) -> UUID:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    pipeline.results._policy = POLICY
    for _ in range(3):
        await pipeline.store(pipeline.failure(claim, ErrorCode.TIMEOUT, retryable=True))
        claims = await pipeline.work()
        claim = claims[0] if claims else claim
    assert (await one_job(pipeline, upload.run_id))["status"] == "failed"
    return upload.run_id


async def test_a_dead_job_is_retried_when_its_time_has_come_by_one_of_two_janitors(
    pipeline: Pipeline,
) -> None:
    job_id = await dead_job(pipeline)
    jobs = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    assert (await jobs.retry_due(at_most=10)).retried == 0
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now()")
    both = await asyncio.gather(jobs.retry_due(at_most=10), jobs.retry_due(at_most=10))
    assert sorted(done.retried for done in both) == [0, 1]
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["retries"], job["attempt"]) == ("queued", 1, 1)
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    (entry,) = await pipeline.rows("SELECT * FROM audit_log WHERE actor = 'janitor'")
    assert (entry["action"], entry["detail"]) == ("job.retry_dead", {"job_ids": [str(job_id)]})
    await pipeline.assert_balanced()


async def test_a_dead_page_of_a_cancelled_run_is_left_to_people_and_not_in_the_way(
    pipeline: Pipeline,
) -> None:
    job_id = await dead_job(pipeline)
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now() - interval '1 hour'")
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    jobs = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    done = await jobs.retry_due(at_most=10)
    assert (done.retried, done.left) == (0, 1)
    assert (await one_job(pipeline, job_id))["status"] == "failed"
    assert (await jobs.retry_due(at_most=10)).left == 0


async def test_a_run_whose_counters_lie_is_counted_anew_and_ends(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_depth=0)
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.page(claim, "only page"))
    await pipeline.rows("UPDATE jobs SET total = total + 1 WHERE id = $1", accepted.run_id)
    await pipeline.index(stored.indexing)
    jobs = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    assert await jobs.close_runs(stalled_seconds=60, at_most=10) == {}
    assert (await one_job(pipeline, accepted.run_id))["status"] == "running"
    await pipeline.rows("UPDATE jobs SET updated_at = now() - interval '61 seconds'")
    done = await jobs.close_runs(stalled_seconds=60, at_most=10)
    assert done == {"closed": 1, "recounted": 1}
    run = await one_job(pipeline, accepted.run_id)
    assert (run["status"], run["total"], run["succeeded"]) == ("succeeded", 1, 1)
    await pipeline.assert_balanced()


async def test_folding_the_ledger_keeps_its_sums(pipeline: Pipeline) -> None:
    for number in range(5):
        await pipeline.upload(f"{number}.md", b"%d" % number)
    for claim in await pipeline.work():
        stored = await pipeline.store(pipeline.file(claim, str(claim.ticket.job_id)))
        await pipeline.index(stored.indexing)
    sums = "SELECT sum(accepted), sum(in_flight), sum(succeeded), sum(failed) FROM ledger"
    before = tuple((await pipeline.rows(sums))[0])
    figures = PostgresFigures(database=pipeline.database)
    assert await figures.fold_ledger(at_most=1000) > 5
    assert await pipeline.value("SELECT count(*) FROM ledger") == 1
    assert tuple((await pipeline.rows(sums))[0]) == before
    assert await figures.fold_ledger(at_most=1000) == 0
    await pipeline.assert_balanced()


async def test_a_job_row_that_is_removed_by_hand_shows_as_an_imbalance(pipeline: Pipeline) -> None:
    figures = PostgresFigures(database=pipeline.database)
    first = await pipeline.upload("a.md", b"a")
    await pipeline.upload("b.md", b"b")
    shown = await figures.read()
    assert shown.open_jobs == {"queued": 2, "running": 0}
    assert await figures.imbalance() == 0
    assert shown.oldest_waiting_seconds >= 0
    await pipeline.rows("DELETE FROM jobs WHERE id = $1", first.run_id)
    assert await figures.imbalance() == 1
    await figures.fold_ledger(at_most=1000)
    assert await figures.imbalance() == 1


async def test_processes_and_hosts_are_forgotten_only_when_nothing_needs_them(pipeline: Pipeline) -> None:
    figures = PostgresFigures(database=pipeline.database)
    await pipeline.upload("a.md", b"a")
    await pipeline.work()
    await pipeline.rows("UPDATE workers SET lease_until = now() - interval '1 hour'")
    # The worker still holds a job; the consumer holds nothing.
    assert await figures.forget_workers(after_seconds=60) == 1
    assert await pipeline.value("SELECT kind FROM workers") == "ingest-worker"
    await pipeline.rows(
        "INSERT INTO hosts (key, next_slot_at) VALUES ('https://old.test:443', now() - interval '1 day')"
    )
    await pipeline.rows("INSERT INTO hosts (key) VALUES ('https://new.test:443')")
    assert await figures.forget_hosts(after_seconds=3600, at_most=10) == 1
    assert await pipeline.value("SELECT key FROM hosts") == "https://new.test:443"
