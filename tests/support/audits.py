"""The parts of the audit over real servers, and what must hold after it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

from janitor.tasks.audit_index import AuditIndex, AuditOptions
from janitor.tasks.delete_objects import DeleteObjects
from janitor.tasks.verify_changed import VerifyChanged
from janitor.tasks.verify_recent import VerifyRecent
from janitor.usecases.check_objects import CheckObjects
from janitor.usecases.verify_places import VerifyPlaces
from janitor.usecases.watch_stores import WatchStores
from result_consumer.usecases.batch_writer import BatchWriter
from result_consumer.usecases.repairer import Repairer
from shared.postgres.repairs import PostgresRepairs
from shared.postgres.upkeep_audit import PostgresAudit
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from shared.postgres.upkeep_watch import PostgresWatch
from shared.testing.embedding import FakeEmbedder
from shared.vectors import Deadlines, WeaviateStore
from shared.vectors.port import MARKS
from support.pipeline import COLLECTION, Pipeline
from support.rows import DIMENSIONS, TENANT, Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.servers import WeaviateServer


@asynccontextmanager
async def empty_vectors(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    """A store in which no other test has left anything that counts."""
    store = await WeaviateStore.open(
        url=weaviate.url,
        grpc_address=weaviate.grpc,
        api_key=weaviate.api_key,
        deadlines=Deadlines(query_seconds=10.0, write_seconds=30.0),
    )
    for name in (COLLECTION, MARKS):
        await store.drop_collection(name)
    yield store
    await store.close()


def watch_of(pipeline: Pipeline, vectors: WeaviateStore) -> WatchStores:
    return WatchStores(rows=watched(pipeline), identity=vectors)


def watched(pipeline: Pipeline) -> PostgresWatch:
    return PostgresWatch(database=pipeline.database, recent_seconds=3600.0)


def audit(pipeline: Pipeline, vectors: WeaviateStore, **options: int) -> AuditIndex:
    rows = PostgresAudit(database=pipeline.database)
    values = {
        "at_once": 100,
        "objects_per_turn": 100,
        "full_objects_per_turn": 100,
        "places_per_turn": 10,
        "slices_per_turn": 50,
    } | options
    return AuditIndex(
        rows=rows,
        check=CheckObjects(rows=rows, vectors=vectors),
        watch=watch_of(pipeline, vectors),
        watched=watched(pipeline),
        options=AuditOptions(**values),
    )


def _places(pipeline: Pipeline, vectors: WeaviateStore) -> VerifyPlaces:
    check = CheckObjects(rows=PostgresAudit(database=pipeline.database), vectors=vectors)
    return VerifyPlaces(check=check, watch=watch_of(pipeline, vectors), tries=3)


def verify_recent(pipeline: Pipeline, vectors: WeaviateStore) -> VerifyRecent:
    rows = PostgresAudit(database=pipeline.database)
    return VerifyRecent(
        rows=rows,
        places=_places(pipeline, vectors),
        watch=watch_of(pipeline, vectors),
        watched=watched(pipeline),
        batches_per_turn=2,
    )


def repairer(pipeline: Pipeline, vectors: WeaviateStore) -> Repairer:
    writer = BatchWriter(
        batches=pipeline.indexing,
        vectors=vectors,
        embedder=FakeEmbedder(dimensions=DIMENSIONS),
        clock=monotonic,
    )

    async def provide() -> None:
        await vectors.ensure_collection(COLLECTION, dimensions=DIMENSIONS)
        await vectors.ensure_tenant(COLLECTION, TENANT)

    return Repairer(
        repairs=PostgresRepairs(
            database=pipeline.database, consumer_id=pipeline.consumer_id, collection=COLLECTION
        ),
        writer=writer,
        provide=provide,
        batch_chunks=500,
        every_seconds=0.01,
    )


async def figures(pipeline: Pipeline) -> tuple[int, int, int]:
    rows = await pipeline.rows("SELECT missing, orphans, repaired, checked_at FROM audit_state")
    assert rows[0]["checked_at"] is not None
    return rows[0]["missing"], rows[0]["orphans"], rows[0]["repaired"]


async def assert_converged(pipeline: Pipeline, vectors: WeaviateStore, made: Content) -> None:
    """Exactly one object for each chunk, each found by its own vector, and nothing else."""
    rows = await pipeline.rows("SELECT object_id, chunk_id FROM objects WHERE state = 'active'")
    assert {row["chunk_id"] for row in rows} == set(made.chunk_ids)
    active = {row["object_id"] for row in rows}
    assert len(active) == len(rows) == len(made.chunk_ids)
    deleting = DeleteObjects(
        objects=PostgresObjectUpkeep(database=pipeline.database),
        vectors=vectors,
        purge_after_seconds=60.0,
        at_once=1000,
        pages=10,
    )
    await deleting.run_once()
    entries = await vectors.scan(COLLECTION, TENANT, after=None, limit=10_000)
    assert {entry.object_id for entry in entries} == active
    assert await vectors.vector_findable(COLLECTION, TENANT, active) == active


def changed(pipeline: Pipeline, vectors: WeaviateStore) -> VerifyChanged:
    rows = PostgresAudit(database=pipeline.database)
    return VerifyChanged(
        rows=rows,
        places=_places(pipeline, vectors),
        watched=watched(pipeline),
        settled_seconds=30.0,
        objects_per_turn=100,
        versions_per_turn=10,
    )
