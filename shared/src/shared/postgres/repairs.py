"""Replacing objects that Weaviate lost or cannot find, beneath everybody's notice: no job, no gap, no new version."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.content import embedded_text
from shared.postgres.indexing import ChunkToIndex, ObjectsTakenError
from shared.postgres.locks import lock_documents, lock_sources
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from shared.postgres.database import Connection, Database
    from shared.postgres.indexing import OpenBatch

#: A repair is no job of anybody's.
NO_JOB: Final = UUID(int=0)
#: The kind of what is sound, and made anew because somebody wished it.
REBUILD: Final = "rebuild"


class PostgresRepairs:
    """The repairs of one consumer: it takes chunks, indexes them in batches like any others, and swaps."""

    def __init__(self, *, database: Database, consumer_id: UUID, collection: str) -> None:
        self._database = database
        self._consumer_id = consumer_id
        self._collection = collection

    async def take(self, *, at_most: int) -> list[ChunkToIndex]:
        """Chunks to be indexed anew, by tenant: what no living consumer works on, and what this one began.

        What is not served any more is dropped when its turn comes: nothing looks through all repairs.
        """

        async def work(connection: Connection) -> tuple[bool, list[ChunkToIndex]]:
            repairs = queries("repairs")
            rows = await connection.fetch(repairs["take"], self._consumer_id, self._collection, at_most)
            taken = {row["object_id"] for row in rows}
            taken -= {
                row["object_id"] for row in await connection.fetch(repairs["drop_obsolete"], list(taken))
            }
            chunks = await connection.fetch(repairs["chunks"], list(taken))
            return bool(rows) and not taken, [_chunk(row) for row in chunks]

        all_obsolete, chunks = await self._database.run(work)
        while all_obsolete:  # ends, because each round removes what it took
            all_obsolete, chunks = await self._database.run(work)
        return chunks

    async def swap(self, batch: OpenBatch) -> Counter[str]:
        """Serve the objects of a verified batch in the place of the old ones; how many were replaced, by kind.

        A broken object is never used again. A sound one that is only rebuilt is superseded in the moment in which
        the new one becomes active, so that each search sees exactly one of them. What is not needed any more stays
        staged, and is deleted as unused.

        Raises:
            ObjectsTakenError: an object changed at the same moment: nothing was swapped, take again.
        """
        chunk_ids = [chunk.chunk_id for chunk in batch.chunks]

        async def work(connection: Connection) -> Counter[str]:
            repairs = queries("repairs")
            await lock_sources(connection, (chunk.source_id for chunk in batch.chunks))
            await lock_documents(connection, (chunk.document_id for chunk in batch.chunks))
            ready = await connection.fetch(repairs["ready"], list(batch.object_ids), chunk_ids)
            sound = [row["old_id"] for row in ready if row["kind"] == REBUILD]
            broken = [row["old_id"] for row in ready if row["kind"] != REBUILD]
            retired = await connection.fetch(repairs["retire_broken"], broken)
            retired += await connection.fetch(repairs["retire_sound"], sound)
            activated = await connection.fetch(
                repairs["activate"],
                [row["new_id"] for row in ready],
                [None if row["kind"] == REBUILD else row["activated_at"] for row in ready],
            )
            if not len(retired) == len(activated) == len(ready):
                raise ObjectsTakenError("Objects changed while they were being repaired: take them again.")
            await connection.execute(repairs["done"], broken + sound)
            await _count(connection, [row for row in ready if row["kind"] != REBUILD])
            return Counter(row["kind"] for row in ready)

        return await self._database.run(work)

    async def postpone(self, chunks: Sequence[ChunkToIndex]) -> None:
        """Put the repairs of these chunks at the end of the line: they were refused, others shall not wait."""

        async def work(connection: Connection) -> None:
            ids = [chunk.chunk_id for chunk in chunks]
            await connection.execute(queries("repairs")["postpone"], ids, self._collection)

        await self._database.run(work)


async def _count(connection: Connection, ready: Sequence[Record]) -> None:
    counts = Counter((row["tenant_id"], row["collection"]) for row in ready)
    if counts:
        await connection.execute(
            queries("audit_state")["count_repaired"],
            [tenant_id for tenant_id, _ in counts],
            [collection for _, collection in counts],
            list(counts.values()),
        )


def _chunk(row: Record) -> ChunkToIndex:
    return ChunkToIndex(
        chunk_id=row["chunk_id"],
        tenant_id=row["tenant_id"],
        source_id=row["source_id"],
        document_id=row["document_id"],
        job_id=NO_JOB,
        source_type=row["source_type"],
        language=row["language"],
        text=embedded_text(row["heading_path"], row["text"]),
    )
