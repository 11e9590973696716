"""Removing sources, on real Postgres and Weaviate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from janitor.ports import Removal
from janitor.tasks.delete_objects import DeleteObjects, PurgeTombstones
from janitor.tasks.delete_sources import DeleteSources
from janitor.usecases.remove_source import RemovalOptions, RemoveSource
from shared.blobs import BlobMissingError, FilesystemBlobStore
from shared.clock import new_id
from shared.errors import DependencyUnavailableError
from shared.postgres.indexing import ObjectsTakenError
from shared.postgres.sql import queries
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from shared.postgres.upkeep_removal import DeletingSource, PostgresRemoval
from shared.postgres.upkeep_turns import PostgresTurns
from shared.vectors import Deadlines, ReadinessStatus, WeaviateStore
from support.pipeline import CALLER, COLLECTION, DEFAULT_TENANT, Pipeline
from support.rows import (
    TENANT,
    Content,
    add_batch,
    add_content,
    add_object,
    index_content,
    vector_object,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.servers import WeaviateServer


@pytest.fixture
async def vectors(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    store = await WeaviateStore.open(
        url=weaviate.url,
        grpc_address=weaviate.grpc,
        api_key=weaviate.api_key,
        deadlines=Deadlines(query_seconds=10.0, write_seconds=30.0),
    )
    await store.drop_collection(COLLECTION)
    yield store
    await store.close()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FilesystemBlobStore]:
    store = FilesystemBlobStore(root=tmp_path)
    yield store
    await store.close()


def remover(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore, *, turn_seconds: float = 60.0
) -> RemoveSource:
    return RemoveSource(
        rows=PostgresRemoval(database=pipeline.database),
        vectors=vectors,
        blobs=blobs,
        turns=PostgresTurns(database=pipeline.database, owner_id=new_id()),
        options=RemovalOptions(turn_seconds=turn_seconds, purge_after_seconds=60.0),
    )


async def delete(pipeline: Pipeline, made: Content) -> None:
    await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)


async def receipt(pipeline: Pipeline, made: Content) -> dict[str, int]:
    rows = await pipeline.rows(
        "SELECT * FROM audit_log WHERE action = 'source.deleted' AND target = $1", str(made.source_id)
    )
    assert [row["outcome"] for row in rows] == ["deleted"]
    detail: dict[str, int] = rows[0]["detail"]
    return detail


async def rows_left(pipeline: Pipeline, made: Content) -> dict[str, int]:
    tables = ("documents", "document_versions", "chunks", "crawl_pages", "failed_jobs", "jobs")
    left = {
        table: await pipeline.value(f"SELECT count(*) FROM {table} WHERE source_id = $1", made.source_id)
        for table in tables
    }
    left["version_chunks"] = await pipeline.value(
        "SELECT count(*) FROM version_chunks WHERE version_id = ANY ($1)", made.version_ids
    )
    return {table: count for table, count in left.items() if count}


async def test_a_source_with_more_chunks_than_one_call_deletes_leaves_nothing(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=60, chunks_each=200)
    other = await add_content(pipeline.database, documents=2, chunks_each=2)
    await index_content(vectors, made)
    await index_content(vectors, other)
    assert await vectors.count(COLLECTION, TENANT, source_id=made.source_id) == 12_000
    await delete(pipeline, made)

    assert await remover(pipeline, vectors, blobs).remove(made.source_id) is Removal.DELETED

    assert await vectors.count(COLLECTION, TENANT, source_id=made.source_id) == 0
    assert await vectors.count(COLLECTION, TENANT) == 4
    assert await rows_left(pipeline, made) == {}
    assert await receipt(pipeline, made) == {
        "objects_deleted": 12_000,
        "read_back": 0,
        "places": 12_000,
        "versions": 60,
        "chunks": 12_000,
        "documents": 60,
        "crawl_pages": 60,
        "jobs": 61,
    }
    assert await pipeline.value("SELECT status FROM sources WHERE id = $1", made.source_id) == "deleted"
    tombstones = await pipeline.rows(
        "SELECT DISTINCT state, deleted_at IS NOT NULL AS told FROM objects WHERE source_id = $1",
        made.source_id,
    )
    assert [tuple(row) for row in tombstones] == [("deleting", True)]
    assert len(await pipeline.rows("SELECT 1 FROM objects WHERE state = 'active'")) == 4
    await pipeline.assert_balanced()


async def test_a_source_waits_for_its_open_index_batches(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=3)
    await index_content(vectors, made)
    batch_id = new_id()
    async with pipeline.database.transaction() as connection:
        await add_batch(connection, batch_id, state="open")
        late = await add_object(connection, made, batch_id=batch_id)
    await delete(pipeline, made)
    remove = remover(pipeline, vectors, blobs)
    assert await remove.remove(made.source_id) is Removal.WAITING
    assert await vectors.count(COLLECTION, TENANT, source_id=made.source_id) == 3

    # The owner writes what it had begun, is cut short, and gives the batch up.
    await vectors.insert(COLLECTION, TENANT, [vector_object(made, 0, object_id=late, batch_id=batch_id)])
    assert not await pipeline.indexing.close_batch(batch_id, verified=False)
    assert await remove.remove(made.source_id) is Removal.DELETED
    assert await vectors.existing(COLLECTION, TENANT, [late, *made.object_ids]) == set()
    assert (await receipt(pipeline, made))["objects_deleted"] == 3


async def test_no_index_batch_is_opened_for_a_source_that_goes(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.file(claim, "text"))
    chunks = await pipeline.indexing.to_index(stored.indexing, at_most=10)
    await pipeline.intake.delete_source(caller=CALLER, source_id=upload.source_id, force=True)
    # Between the two, its text was being embedded.
    with pytest.raises(ObjectsTakenError):
        await pipeline.indexing.open_batch(chunks)
    assert await pipeline.value("SELECT count(*) FROM objects") == 0


async def test_a_removal_waits_for_a_batch_that_is_just_being_opened(pipeline: Pipeline) -> None:
    made = await add_content(pipeline.database, documents=1)
    rows = PostgresRemoval(database=pipeline.database)
    source = DeletingSource(made.source_id, DEFAULT_TENANT, TENANT)
    async with pipeline.database.transaction() as connection:
        assert await connection.fetch(queries("sources")["hold_live"], [made.source_id])
        await delete(pipeline, made)
        ending = asyncio.create_task(rows.end_work(source))
        async with asyncio.timeout(10):
            while not await pipeline.value(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            ):
                pass
        batch_id = new_id()
        await add_batch(connection, batch_id, state="open")
        await add_object(connection, made, batch_id=batch_id)
    assert (await ending).batches == 1


async def test_a_source_stays_deleting_while_weaviate_is_down_and_goes_when_it_is_back(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore, weaviate: WeaviateServer
) -> None:
    made = await add_content(pipeline.database, documents=2, chunks_each=5)
    await index_content(vectors, made)
    await delete(pipeline, made)
    task = DeleteSources(
        rows=PostgresRemoval(database=pipeline.database),
        remover=remover(pipeline, vectors, blobs),
        at_most=10,
    )
    await asyncio.to_thread(weaviate.kill9)
    with pytest.raises(DependencyUnavailableError):
        await task.run_once()
    assert await pipeline.value("SELECT status FROM sources WHERE id = $1", made.source_id) == "deleting"
    assert await pipeline.value("SELECT count(*) FROM audit_log WHERE action = 'source.deleted'") == 0

    await asyncio.to_thread(weaviate.start)
    async with asyncio.timeout(30):
        while (await vectors.readiness()).status != ReadinessStatus.UP:
            pass
    assert await task.run_once() == {"deleted": 1}
    assert await vectors.count(COLLECTION, TENANT, source_id=made.source_id) == 0
    # What was counted before the outage is in the receipt all the same.
    assert (await receipt(pipeline, made))["objects_deleted"] == 10


async def test_a_source_is_removed_although_weaviate_lost_everything(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=5)
    await delete(pipeline, made)
    assert await remover(pipeline, vectors, blobs).remove(made.source_id) is Removal.DELETED
    assert await rows_left(pipeline, made) == {}


async def test_deleting_twice_at_once_writes_one_receipt(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=20, chunks_each=20)
    await index_content(vectors, made)
    await delete(pipeline, made)
    # Neither respects the other's turn, as if a lease had lapsed in the middle.
    both = [remover(pipeline, vectors, blobs, turn_seconds=-1.0) for _ in range(2)]
    done = await asyncio.gather(*(one.remove(made.source_id) for one in both))
    assert set(done) == {Removal.DELETED}
    assert await rows_left(pipeline, made) == {}
    counts = await receipt(pipeline, made)
    assert (counts["objects_deleted"], counts["chunks"], counts["jobs"]) == (400, 400, 21)
    assert await pipeline.value("SELECT count(*) FROM janitor_tasks WHERE name LIKE 'delete_source:%'") == 0
    await pipeline.assert_balanced()
    assert await both[0].remove(made.source_id) is Removal.GONE


async def test_a_turn_that_somebody_has_is_respected_until_its_owner_is_gone(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=1)
    await index_content(vectors, made)
    await delete(pipeline, made)
    other = new_id()
    await pipeline.beat("janitor", other)
    turns = PostgresTurns(database=pipeline.database, owner_id=other)
    assert await turns.take(f"delete_source:{made.source_id}", seconds=600)
    remove = remover(pipeline, vectors, blobs)
    assert await remove.remove(made.source_id) is Removal.BUSY
    await pipeline.rows("UPDATE workers SET lease_until = now() WHERE id = $1", other)
    assert await remove.remove(made.source_id) is Removal.DELETED


async def test_a_source_that_is_live_or_unknown_is_not_touched(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    made = await add_content(pipeline.database, documents=1)
    await index_content(vectors, made)
    remove = remover(pipeline, vectors, blobs)
    assert await remove.remove(made.source_id) is Removal.GONE
    assert await remove.remove(new_id()) is Removal.GONE
    assert await vectors.count(COLLECTION, TENANT) == 1


async def test_jobs_that_are_open_in_spite_of_the_delete_are_cancelled(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    accepted = await pipeline.add_site()
    await pipeline.work()
    await pipeline.rows("UPDATE sources SET status = 'deleting', deleting_at = now()")
    assert await remover(pipeline, vectors, blobs).remove(accepted.source_id) is Removal.DELETED
    assert await pipeline.value("SELECT count(*) FROM jobs") == 0
    assert await pipeline.value("SELECT sum(cancelled) FROM ledger") == 2
    await pipeline.assert_balanced()


async def test_the_originals_of_a_source_go_with_it(
    pipeline: Pipeline, vectors: WeaviateStore, blobs: FilesystemBlobStore
) -> None:
    uris, source_id = [], None
    for body in (b"one", b"two"):
        run_id = new_id()
        async with await blobs.open_writer(
            tenant_id=DEFAULT_TENANT, run_id=run_id, file_name="a.md", limit_bytes=100
        ) as writer:
            await writer.write(body)
            stored = await writer.commit()
        upload = await pipeline.upload("a.md", body, run_id=run_id, upload_uri=stored.uri)
        uris.append(stored.uri)
        source_id = upload.source_id
    assert source_id is not None
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=True)
    assert await remover(pipeline, vectors, blobs).remove(source_id) is Removal.DELETED
    for uri in uris:
        with pytest.raises(BlobMissingError):
            await blobs.path_for_reading(uri)
    await pipeline.assert_balanced()


async def test_tombstones_are_deleted_once_more_and_then_forgotten(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=4)
    await index_content(vectors, made)
    objects = PostgresObjectUpkeep(database=pipeline.database)
    first, second = made.object_ids[:2]
    await pipeline.rows("UPDATE objects SET state = 'deleting' WHERE object_id = ANY ($1)", [first, second])
    deleting = DeleteObjects(objects=objects, vectors=vectors, purge_after_seconds=60.0, at_once=10, pages=5)
    purging = PurgeTombstones(objects=objects, vectors=vectors, at_once=10, pages=5)
    assert await deleting.run_once() == {"deleted": 2}
    assert await deleting.run_once() == {"deleted": 0}
    assert await purging.run_once() == {"purged": 0}
    # An insert that was under way all the time arrives after the delete.
    await vectors.insert(COLLECTION, TENANT, [vector_object(made, 0)])
    await pipeline.rows("UPDATE objects SET purge_at = now() WHERE state = 'deleting'")
    assert await purging.run_once() == {"purged": 2}
    assert await vectors.existing(COLLECTION, TENANT, made.object_ids) == set(made.object_ids[2:])
    assert await pipeline.value("SELECT count(*) FROM objects") == 2


async def test_objects_of_an_open_batch_are_left_alone_until_it_expires(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1)
    await index_content(vectors, made)
    objects = PostgresObjectUpkeep(database=pipeline.database)
    batch_id = new_id()
    async with pipeline.database.transaction() as connection:
        await add_batch(connection, batch_id, state="open")
        staged = await add_object(connection, made, batch_id=batch_id)
        barrier = await add_object(connection, made, batch_id=batch_id, state="deleting")
    await vectors.insert(
        COLLECTION,
        TENANT,
        [vector_object(made, 0, object_id=key, batch_id=batch_id) for key in (staged, barrier)],
    )
    deleting = DeleteObjects(objects=objects, vectors=vectors, purge_after_seconds=60.0, at_once=10, pages=5)
    assert await objects.expire_batches(at_most=10) == (0, 0)
    assert await objects.discard_unused(after_seconds=0.0, at_most=10) == 0
    assert await deleting.run_once() == {"deleted": 0}
    await pipeline.rows("UPDATE index_batches SET expires_at = now() WHERE state = 'open'")
    assert await objects.expire_batches(at_most=10) == (1, 1)
    assert not await pipeline.indexing.close_batch(batch_id, verified=True)
    assert await deleting.run_once() == {"deleted": 2}
    assert await vectors.count(COLLECTION, TENANT) == 1


async def test_superseded_objects_go_after_the_grace_and_can_come_back_before(
    pipeline: Pipeline,
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=2)
    objects = PostgresObjectUpkeep(database=pipeline.database)
    await pipeline.rows(
        "UPDATE objects SET state = 'superseded', superseded_at = now() - interval '30 seconds' WHERE object_id = $1",
        made.object_ids[0],
    )
    assert await objects.discard_superseded(grace_seconds=60, at_most=10) == 0
    assert await objects.discard_superseded(grace_seconds=20, at_most=10) == 1
    states = "SELECT state FROM objects ORDER BY state DESC"
    assert [row["state"] for row in await pipeline.rows(states)] == ["deleting", "active"]


async def test_what_was_staged_for_a_source_that_goes_is_discarded_at_once(pipeline: Pipeline) -> None:
    made = await add_content(pipeline.database, documents=1)
    objects = PostgresObjectUpkeep(database=pipeline.database)
    batch_id = new_id()
    async with pipeline.database.transaction() as connection:
        await add_batch(connection, batch_id, state="verified")
        await add_object(connection, made, batch_id=batch_id)
    assert await objects.discard_unused(after_seconds=300, at_most=10) == 0
    await pipeline.rows("UPDATE sources SET status = 'deleted'")
    assert await objects.discard_unused(after_seconds=300, at_most=10) == 1
