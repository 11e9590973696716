"""Objects: one attempt each, one active for each chunk, deleted for good only when nobody can need or send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from shared.errors import ErrorCode
from shared.postgres import serving
from shared.postgres.indexing import ObjectsTakenError
from shared.postgres.upkeep_audit import PostgresAudit
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from shared.postgres.indexing import OpenBatch

LEAST = UUID(int=0)


async def staged(pipeline: Pipeline, text: str, name: str = "a.md") -> UUID:
    await pipeline.upload(name, text.encode())
    (claim,) = await pipeline.work()
    (job_id,) = (await pipeline.store(pipeline.file(claim, text))).indexing
    return job_id


async def sent(pipeline: Pipeline, job_id: UUID) -> OpenBatch:
    return await pipeline.indexing.open_batch(await pipeline.indexing.to_index([job_id], at_most=10))


async def states(pipeline: Pipeline) -> list[str]:
    """Of all objects but barriers."""
    return [
        row["state"]
        for row in await pipeline.rows(
            "SELECT o.state FROM objects o JOIN chunks c ON c.id = o.chunk_id ORDER BY o.state"
        )
    ]


async def test_an_object_that_the_janitor_takes_during_the_activation_rolls_it_back(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await staged(pipeline, "words")
    batch = await sent(pipeline, job_id)
    await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    picks = serving.picks

    async def picks_and_then_one_is_taken(*args: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = await picks(*args, **kwargs)
        await pipeline.rows(
            "UPDATE objects SET state = 'deleting' WHERE state = 'staged' RETURNING object_id"
        )
        return found

    monkeypatch.setattr(serving, "picks", picks_and_then_one_is_taken)
    with pytest.raises(ObjectsTakenError):
        await pipeline.indexing.activate([job_id])
    assert await pipeline.value("SELECT stage FROM jobs WHERE id = $1", job_id) == "indexing"
    assert await pipeline.value("SELECT count(*) FROM document_versions WHERE is_active") == 0
    monkeypatch.undo()
    assert [status for _, _, status in (await pipeline.index([job_id])).endings] == ["succeeded"]


async def test_what_was_accepted_later_stays_when_an_older_version_is_ready_after_it(
    pipeline: Pipeline,
) -> None:
    first = await pipeline.upload("a.md", b"1")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    await pipeline.upload("a.md", b"2")
    (newer,) = await pipeline.work()
    await pipeline.intake.retry(caller=CALLER, job_id=first.run_id)
    (older,) = await pipeline.work()
    (older_id,) = (await pipeline.store(pipeline.file(older, "one"))).indexing
    await pipeline.index((await pipeline.store(pipeline.file(newer, "two"))).indexing)
    assert (await pipeline.index([older_id])).endings == [(older_id, "upload", "skipped")]
    assert await pipeline.value("SELECT reason FROM jobs WHERE id = $1", older_id) == "superseded"
    assert await pipeline.value("SELECT array_agg(markdown) FROM document_versions WHERE is_active") == [
        "two"
    ]


async def test_superseded_objects_stay_for_the_grace_and_then_never_come_back(pipeline: Pipeline) -> None:
    await pipeline.index([await staged(pipeline, "one")])
    version, document = await pipeline.value("SELECT (id, document_id) FROM document_versions")
    await pipeline.index([await staged(pipeline, "two")])
    upkeep = PostgresObjectUpkeep(database=pipeline.database)
    assert await upkeep.discard_superseded(grace_seconds=60, at_most=10) == 0
    assert await states(pipeline) == ["active", "superseded"]
    await pipeline.rows("UPDATE objects SET superseded_at = superseded_at - interval '61 seconds'")
    assert await upkeep.discard_superseded(grace_seconds=60, at_most=10) == 1
    run_id = await pipeline.intake.activate(caller=CALLER, document_id=document, version_id=version)
    assert await pipeline.indexing.adopt(at_most=10) == [run_id]
    # The one that is being deleted stands for nothing: its chunk is indexed anew.
    assert [
        chunk.text.splitlines()[-1] for chunk in await pipeline.indexing.to_index([run_id], at_most=9)
    ] == ["one"]
    await pipeline.index([run_id])
    assert await states(pipeline) == ["active", "deleting", "superseded"]


async def test_a_chunk_has_one_active_object(pipeline: Pipeline) -> None:
    await pipeline.index([await staged(pipeline, "words")])
    with pytest.raises(Exception, match="objects_active"):
        await pipeline.rows(
            """
            INSERT INTO objects (object_id, tenant_id, source_id, document_id, chunk_id, collection, batch_id, state)
            SELECT uuidv7(), tenant_id, source_id, document_id, chunk_id, collection, batch_id, 'active'
            FROM objects WHERE state = 'active' RETURNING object_id
            """
        )


async def test_nothing_of_an_open_batch_is_deleted_because_it_may_still_be_sent(pipeline: Pipeline) -> None:
    batch = await sent(pipeline, await staged(pipeline, "words"))
    upkeep = PostgresObjectUpkeep(database=pipeline.database)
    assert await upkeep.to_delete(after=LEAST, at_most=10) == []
    assert await upkeep.expire_batches(at_most=10) == (0, 0)
    await pipeline.rows("UPDATE index_batches SET expires_at = now() - interval '1 second'")
    assert await upkeep.expire_batches(at_most=10) == (1, 1)
    found = {one.object_id for one in await upkeep.to_delete(after=LEAST, at_most=10)}
    assert found == {batch.object_ids[0], batch.barrier_id}


async def test_tombstones_stay_until_they_were_deleted_once_more(pipeline: Pipeline) -> None:
    batch = await sent(pipeline, await staged(pipeline, "words"))
    await pipeline.indexing.close_batch(batch.batch_id, verified=False)
    upkeep = PostgresObjectUpkeep(database=pipeline.database)
    ids = [one.object_id for one in await upkeep.to_delete(after=LEAST, at_most=10)]
    assert len(ids) == 2
    await upkeep.mark_deleted(ids, purge_after_seconds=60)
    assert await upkeep.to_delete(after=LEAST, at_most=10) == []
    assert await upkeep.to_purge(after=LEAST, at_most=10) == []
    await pipeline.rows("UPDATE objects SET purge_at = now() - interval '1 second'")
    assert [one.object_id for one in await upkeep.to_purge(after=LEAST, at_most=10)] == ids
    await upkeep.purge(ids)
    assert await pipeline.value("SELECT count(*) FROM objects") == 0


async def test_verified_objects_that_nothing_can_activate_are_discarded_and_others_are_not(
    pipeline: Pipeline,
) -> None:
    at_work = await staged(pipeline, "at work")
    over = await staged(pipeline, "over", name="b.md")
    for job_id in (at_work, over):
        batch = await sent(pipeline, job_id)
        await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    await pipeline.intake.cancel(caller=CALLER, job_id=over)
    upkeep = PostgresObjectUpkeep(database=pipeline.database)
    assert await upkeep.discard_unused(after_seconds=60, at_most=10) == 0
    await pipeline.rows("UPDATE objects SET created_at = now() - interval '61 seconds'")
    assert await upkeep.discard_unused(after_seconds=60, at_most=10) == 1
    assert (await pipeline.indexing.activate([at_work])).unready == []


async def test_what_is_not_served_when_postgres_is_asked_again_is_not_missed(pipeline: Pipeline) -> None:
    await pipeline.index([await staged(pipeline, "one")])
    await pipeline.index([await staged(pipeline, "two")])
    audit = PostgresAudit(database=pipeline.database)
    rows = await pipeline.rows("SELECT state, object_id FROM objects WHERE state IN ('active', 'superseded')")
    objects = {row["state"]: row["object_id"] for row in rows}
    assert (await audit.note_broken({objects["superseded"]: "missing"})).broken == 0
    assert (await audit.note_broken({objects["active"]: "missing"})).broken == 1
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    assert (await audit.note_broken({objects["active"]: "hollow"})).broken == 0
