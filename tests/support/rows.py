"""Rows for tests, many at once and without the way on which they usually come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.clock import new_id
from shared.postgres.transitions import move_ledger
from shared.vectors import VectorObject
from support.pipeline import COLLECTION, DEFAULT_TENANT

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database
    from shared.vectors import VectorStore

DIMENSIONS = 8
BATCH = 500
TENANT = "default"


@dataclass
class Content:
    """A live source with one run, its documents, and one active object for each chunk."""

    source_id: UUID = field(default_factory=new_id)
    run_id: UUID = field(default_factory=new_id)
    page_ids: list[UUID] = field(default_factory=list)
    document_ids: list[UUID] = field(default_factory=list)
    version_ids: list[UUID] = field(default_factory=list)
    chunk_ids: list[UUID] = field(default_factory=list)
    object_ids: list[UUID] = field(default_factory=list)
    batch_ids: list[UUID] = field(default_factory=list)
    chunks_each: int = 1


async def add_content(database: Database, *, documents: int, chunks_each: int = 1) -> Content:
    """Write a crawled source whose pages are all served."""
    made = Content(chunks_each=chunks_each)
    made.page_ids = [new_id() for _ in range(documents)]
    made.document_ids = [new_id() for _ in range(documents)]
    made.version_ids = [new_id() for _ in range(documents)]
    made.chunk_ids = [new_id() for _ in range(documents * chunks_each)]
    made.object_ids = [new_id() for _ in made.chunk_ids]
    made.batch_ids = [new_id() for _ in range(0, len(made.object_ids), BATCH)]

    async with database.transaction() as connection:
        await _add_source(connection, made)
        await _add_jobs(connection, made)
        await _add_documents(connection, made)
        await _add_chunks(connection, made)
    return made


async def _add_source(connection: Connection, made: Content) -> None:
    group = await connection.fetchval(
        """INSERT INTO groups (tenant_id, name) VALUES ($1, 'default')
        ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name RETURNING id""",
        DEFAULT_TENANT,
    )
    url = f"https://{made.source_id}.test/"
    await connection.execute(
        """INSERT INTO sources (id, tenant_id, group_id, type, name, url, url_key)
        VALUES ($1, $2, $3, 'web', $4, $4, $4)""",
        made.source_id,
        DEFAULT_TENANT,
        group,
        url,
    )


async def _add_jobs(connection: Connection, made: Content) -> None:
    pages = len(made.page_ids)
    await connection.execute(
        """INSERT INTO jobs (id, tenant_id, root_id, source_id, type, status, total, succeeded, finished_at)
        VALUES ($1, $2, $1, $3, 'crawler', 'succeeded', $4, $4, now())""",
        made.run_id,
        DEFAULT_TENANT,
        made.source_id,
        pages,
    )
    await connection.execute(
        """INSERT INTO jobs (id, tenant_id, parent_id, root_id, source_id, type, handler, status, url_key, depth,
            is_seed, finished_at)
        SELECT k.id, $1, $2, $2, $3, 'page', 'web', 'succeeded', 'page-' || k.place, 1, k.place = 1, now()
        FROM unnest($4::uuid[]) WITH ORDINALITY AS k (id, place)""",
        DEFAULT_TENANT,
        made.run_id,
        made.source_id,
        made.page_ids,
    )
    await connection.execute(
        """INSERT INTO crawl_pages (source_id, url_key, tenant_id, url, run_id, job_id, depth, fate)
        SELECT source_id, url_key, tenant_id, url_key, root_id, id, 1, 'succeeded' FROM jobs WHERE parent_id = $1""",
        made.run_id,
    )
    count = pages + 1
    await move_ledger(connection, {DEFAULT_TENANT: Counter(accepted=count, succeeded=count)})


async def _add_documents(connection: Connection, made: Content) -> None:
    await connection.execute(
        """INSERT INTO documents (id, tenant_id, source_id, source_uri, status, updated_at)
        SELECT id, $1, $2, 'page-' || place, 'active', now() - interval '1 hour'
        FROM unnest($3::uuid[]) WITH ORDINALITY AS k (id, place)""",
        DEFAULT_TENANT,
        made.source_id,
        made.document_ids,
    )
    await connection.execute(
        """INSERT INTO document_versions (id, tenant_id, source_id, document_id, job_id, epoch, run_seq, content_hash,
            source_uri, chunk_count, is_active, activated_at, created_at)
        SELECT k.id, $1, $2, k.document_id, k.job_id, 1, 1, 'hash', 'uri', $3, true, now() - interval '1 hour',
            now() - interval '1 hour'
        FROM unnest($4::uuid[], $5::uuid[], $6::uuid[]) AS k (id, document_id, job_id)""",
        DEFAULT_TENANT,
        made.source_id,
        made.chunks_each,
        made.version_ids,
        made.document_ids,
        made.page_ids,
    )


async def _add_chunks(connection: Connection, made: Content) -> None:
    documents = [made.document_ids[n // made.chunks_each] for n in range(len(made.chunk_ids))]
    versions = [made.version_ids[n // made.chunks_each] for n in range(len(made.chunk_ids))]
    ordinals = [n % made.chunks_each for n in range(len(made.chunk_ids))]
    await connection.execute(
        """INSERT INTO chunks (id, tenant_id, source_id, document_id, text)
        SELECT k.id, $1, $2, k.document_id, 'text ' || k.id
        FROM unnest($3::uuid[], $4::uuid[]) AS k (id, document_id)""",
        DEFAULT_TENANT,
        made.source_id,
        made.chunk_ids,
        documents,
    )
    await connection.execute(
        """INSERT INTO version_chunks (version_id, ordinal, chunk_id, tenant_id)
        SELECT k.version_id, k.ordinal, k.chunk_id, $1
        FROM unnest($2::uuid[], $3::integer[], $4::uuid[]) AS k (version_id, ordinal, chunk_id)""",
        DEFAULT_TENANT,
        versions,
        ordinals,
        made.chunk_ids,
    )
    await connection.execute(
        """INSERT INTO objects (object_id, tenant_id, source_id, document_id, chunk_id, collection, batch_id, state,
            activated_at)
        SELECT k.object_id, $1, $2, k.document_id, k.chunk_id, $3, k.batch_id, 'active', now() - interval '1 hour'
        FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[]) AS k (object_id, document_id, chunk_id, batch_id)""",
        DEFAULT_TENANT,
        made.source_id,
        COLLECTION,
        made.object_ids,
        documents,
        made.chunk_ids,
        [made.batch_ids[n // BATCH] for n in range(len(made.object_ids))],
    )
    for batch_id in made.batch_ids:
        await add_batch(connection, batch_id, state="verified")


async def add_batch(connection: Connection, batch_id: UUID, *, state: str, expires_in: float = 60.0) -> None:
    """Write an index batch."""
    await connection.execute(
        """INSERT INTO index_batches (batch_id, tenant_id, collection, barrier_id, owner_id, objects, state,
            expires_at, closed_at)
        VALUES ($1, $2, $3, $4, $4, 1, $5, now() + make_interval(secs => $6), CASE WHEN $5 <> 'open' THEN now() END)""",
        batch_id,
        DEFAULT_TENANT,
        COLLECTION,
        new_id(),
        state,
        expires_in,
    )


async def add_object(connection: Connection, made: Content, **columns: Any) -> UUID:
    """Write one more object of the source's first chunk; ``columns`` say how it differs from a staged one."""
    values: dict[str, Any] = {
        "object_id": new_id(),
        "tenant_id": DEFAULT_TENANT,
        "source_id": made.source_id,
        "document_id": made.document_ids[0],
        "chunk_id": made.chunk_ids[0],
        "collection": COLLECTION,
        "batch_id": new_id(),
        "state": "staged",
    } | columns
    names, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO objects ({names}) VALUES ({places})", *values.values())
    object_id: UUID = values["object_id"]
    return object_id


def vector_object(made: Content, place: int, **fields: Any) -> VectorObject:
    """The object of a chunk, with a vector that only it has."""
    rng = np.random.default_rng(made.chunk_ids[place].int % 2**32)
    values: dict[str, Any] = {
        "object_id": made.object_ids[place],
        "chunk_id": made.chunk_ids[place],
        "source_id": made.source_id,
        "document_id": made.document_ids[place // made.chunks_each],
        "batch_id": made.batch_ids[place // BATCH],
        "type": "web",
        "language": "en",
        "text": f"text {made.chunk_ids[place]}",
        "vector": rng.standard_normal(DIMENSIONS).astype(np.float32),
    }
    return VectorObject(**values | fields)


async def index_content(vectors: VectorStore, made: Content) -> None:
    """Write the source's objects into Weaviate, as their rows say."""
    await vectors.ensure_collection(COLLECTION, dimensions=DIMENSIONS)
    await vectors.ensure_tenant(COLLECTION, TENANT)
    for start in range(0, len(made.object_ids), BATCH):
        places = range(start, min(start + BATCH, len(made.object_ids)))
        await vectors.insert(COLLECTION, TENANT, [vector_object(made, place) for place in places])
