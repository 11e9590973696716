"""Who comes late changes nothing: each write about a job is guarded by its epoch, its stage and its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.postgres.claims import PostgresClaims, Ticket
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.messages import TaskMessage
    from shared.postgres.claims import Claim
    from shared.postgres.indexing import OpenBatch


async def another(pipeline: Pipeline) -> Pipeline:
    """Another worker and another consumer, alive."""
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("ingest-worker", other.worker_id, slots=8)
    await other.beat("result-consumer", other.consumer_id)
    return other


async def row(pipeline: Pipeline, job_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = await pipeline.value("SELECT to_jsonb(j) FROM jobs j WHERE id = $1", job_id)
    return found


def ticket(message: TaskMessage) -> Ticket:
    return Ticket(message.job_id, message.epoch)


async def claimed_anew(pipeline: Pipeline) -> tuple[Claim, Claim]:
    """A job that the same worker claimed, handed back and claimed again: both claims."""
    await pipeline.upload("a.md", b"a")
    (first,) = await pipeline.work()
    assert await pipeline.claims.hand_back([first.ticket], after_seconds=0) == 1
    (second,) = await pipeline.work()
    return first, second


async def staged(pipeline: Pipeline) -> UUID:
    """A job in stage indexing, this consumer's."""
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    (job_id,) = (await pipeline.store(pipeline.file(claim, "words"))).indexing
    return job_id


async def open_batch(pipeline: Pipeline, job_id: UUID) -> OpenBatch:
    return await pipeline.indexing.open_batch(await pipeline.indexing.to_index([job_id], at_most=10))


async def test_a_message_of_an_earlier_epoch_claims_nothing(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (message,) = await pipeline.windows.announce_waiting()
    (claim,) = await pipeline.claims.claim([ticket(message)])
    await pipeline.claims.hand_back([claim.ticket], after_seconds=0)
    await pipeline.windows.announce_waiting()
    before = await row(pipeline, message.job_id)
    assert (before["status"], before["epoch"]) == ("queued", 2)
    assert await pipeline.claims.claim([ticket(message)]) == []
    assert await row(pipeline, message.job_id) == before


async def test_nothing_of_a_source_that_goes_is_claimed(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (message,) = await pipeline.windows.announce_waiting()
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    assert await pipeline.claims.claim([ticket(message)]) == []
    assert (await row(pipeline, message.job_id))["status"] == "queued"


async def test_an_earlier_try_delivers_nothing(pipeline: Pipeline) -> None:
    first, second = await claimed_anew(pipeline)
    before = await row(pipeline, second.ticket.job_id)
    await pipeline.claims.delivered([first.ticket])
    assert await row(pipeline, second.ticket.job_id) == before


async def test_who_has_not_claimed_a_job_does_not_deliver_it(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await (await another(pipeline)).claims.delivered([claim.ticket])
    assert (await row(pipeline, claim.ticket.job_id))["stage"] == "claimed"


async def test_a_delivery_that_is_noted_late_does_not_undo_what_a_consumer_did(pipeline: Pipeline) -> None:
    same = Pipeline(database=pipeline.database, gateway=pipeline.gateway, consumer_id=pipeline.worker_id)
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await same.store(pipeline.file(claim, "words"))
    await pipeline.claims.delivered([claim.ticket])
    assert (await row(pipeline, claim.ticket.job_id))["stage"] == "indexing"


async def test_a_delivered_result_has_a_deadline_of_its_own(pipeline: Pipeline) -> None:
    claims = PostgresClaims(
        database=pipeline.database,
        worker_id=pipeline.worker_id,
        job_deadline_seconds=100,
        result_deadline_seconds=1000,
    )
    await pipeline.upload("a.md", b"a")
    (message,) = await pipeline.windows.announce_waiting()
    left = "SELECT extract(epoch FROM deadline_at - now()) FROM jobs WHERE id = $1"
    await claims.claim([ticket(message)])
    assert 50 < await pipeline.value(left, message.job_id) <= 100
    await claims.delivered([ticket(message)])
    assert 950 < await pipeline.value(left, message.job_id) <= 1000


async def test_an_earlier_try_hands_nothing_back(pipeline: Pipeline) -> None:
    first, second = await claimed_anew(pipeline)
    before = await row(pipeline, second.ticket.job_id)
    assert await pipeline.claims.hand_back([first.ticket], after_seconds=0) == 0
    assert await row(pipeline, second.ticket.job_id) == before


async def test_only_its_worker_hands_a_job_back(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    assert await (await another(pipeline)).claims.hand_back([claim.ticket], after_seconds=0) == 0
    assert (await row(pipeline, claim.ticket.job_id))["stage"] == "claimed"


async def test_a_delivered_job_is_not_handed_back(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.claims.delivered([claim.ticket])
    assert await pipeline.claims.hand_back([claim.ticket], after_seconds=0) == 0
    assert (await row(pipeline, claim.ticket.job_id))["stage"] == "delivered"


async def test_a_publish_that_failed_late_takes_back_no_later_announcement(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (earlier,) = await pipeline.windows.announce_waiting()
    await pipeline.claims.claim([ticket(earlier)])
    await pipeline.claims.hand_back([ticket(earlier)], after_seconds=0)
    (later,) = await pipeline.windows.announce_waiting()
    await pipeline.windows.unannounce([earlier])
    assert (await row(pipeline, later.job_id))["announced_at"] is not None
    await pipeline.windows.unannounce([later])
    assert (await row(pipeline, later.job_id))["announced_at"] is None


async def test_a_consumer_that_lost_a_job_neither_activates_nor_fails_it(pipeline: Pipeline) -> None:
    job_id = await staged(pipeline)
    batch = await open_batch(pipeline, job_id)
    assert await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    heir = await another(pipeline)
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    assert await heir.indexing.adopt(at_most=10) == [job_id]
    before = await row(pipeline, job_id)
    assert (await pipeline.indexing.activate([job_id])).gone == [job_id]
    await pipeline.indexing.fail([job_id], error_code="internal_error", sentence="No.", retryable=False)
    assert await row(pipeline, job_id) == before
    assert (await heir.indexing.activate([job_id])).endings == [(job_id, "upload", "succeeded")]


async def test_nothing_of_a_source_that_goes_is_indexed_or_served(pipeline: Pipeline) -> None:
    job_id = await staged(pipeline)
    batch = await open_batch(pipeline, job_id)
    assert await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    assert (await pipeline.indexing.activate([job_id])).gone == [job_id]
    assert await pipeline.value("SELECT count(*) FROM objects WHERE state = 'active'") == 0
    await pipeline.rows("DELETE FROM objects")
    assert await pipeline.indexing.to_index([job_id], at_most=10) == []


async def test_a_version_is_served_only_when_each_of_its_chunks_has_a_verified_object(
    pipeline: Pipeline,
) -> None:
    job_id = await staged(pipeline)
    batch = await open_batch(pipeline, job_id)
    # Sent, but nobody has found it by its vector yet.
    assert (await pipeline.indexing.activate([job_id])).unready == [job_id]
    assert await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    assert (await pipeline.indexing.activate([job_id])).unready == []


async def test_a_batch_whose_time_is_over_does_not_count_as_written(pipeline: Pipeline) -> None:
    job_id = await staged(pipeline)
    batch = await open_batch(pipeline, job_id)
    await pipeline.rows("UPDATE index_batches SET expires_at = now() - interval '1 second'")
    assert not await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    assert await pipeline.value("SELECT array_agg(DISTINCT state) FROM objects") == ["deleting"]
    assert (await pipeline.indexing.activate([job_id])).unready == [job_id]


async def test_a_batch_that_was_given_up_is_never_verified(pipeline: Pipeline) -> None:
    batch = await open_batch(pipeline, await staged(pipeline))
    assert not await pipeline.indexing.close_batch(batch.batch_id, verified=False)
    assert not await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    assert await pipeline.value("SELECT state FROM index_batches") == "failed"


async def test_every_attempt_to_index_has_fresh_ids_that_are_recorded_before_it_is_sent(
    pipeline: Pipeline,
) -> None:
    job_id = await staged(pipeline)
    states = "SELECT object_id, state FROM objects ORDER BY object_id"
    first = await open_batch(pipeline, job_id)
    assert [tuple(found) for found in await pipeline.rows(states)] == sorted(
        [(first.object_ids[0], "staged"), (first.barrier_id, "deleting")]
    )
    await pipeline.indexing.close_batch(first.batch_id, verified=False)
    second = await open_batch(pipeline, job_id)
    assert len({first.object_ids[0], first.barrier_id, second.object_ids[0], second.barrier_id}) == 4
    # The chunk is the same, whatever became of the attempts.
    assert second.chunks[0].chunk_id == first.chunks[0].chunk_id
    recorded = {found["object_id"]: found["state"] for found in await pipeline.rows(states)}
    assert recorded[first.object_ids[0]] == "deleting"
    assert recorded[second.object_ids[0]] == "staged"
