"""Which objects are served: switched in slices, so that no document is too large for the patience of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection

#: Objects of one statement: each row of them touches a dozen indexes.
SLICE: Final = 5000


def _slices(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


async def picks(
    connection: Connection, chunk_counts: Mapping[UUID, int], collection: str, *, size: int = SLICE
) -> list[Record]:
    """The objects that will stand for the chunks of versions, given by version with how many chunks it has."""
    found: list[Record] = []
    for start in range(0, max(chunk_counts.values(), default=0), size):
        versions = [version_id for version_id, chunks in chunk_counts.items() if chunks > start]
        found += await connection.fetch(
            queries("objects")["picks"], versions, collection, start, start + size
        )
    return found


async def supersede(
    connection: Connection,
    source_ids: Sequence[UUID],
    document_ids: Sequence[UUID],
    version_ids: Sequence[UUID] = (),
    *,
    size: int = SLICE,
) -> None:
    """Take from search what these documents serve and these versions do not have; under the documents' locks."""
    # Compared here and not by the database: with statistics from before the documents grew, it compares each with each.
    served = await connection.fetch(queries("objects")["served"], source_ids, document_ids)
    kept = {
        row["chunk_id"]
        for row in await connection.fetch(queries("version_chunks")["of_versions"], version_ids)
    }
    for some in _slices([row["object_id"] for row in served if row["chunk_id"] not in kept], size):
        await connection.execute(queries("objects")["supersede"], some)


async def activate(connection: Connection, object_ids: Sequence[UUID], *, size: int = SLICE) -> int:
    """Serve these objects; returns how many of them still could be."""
    activated = 0
    for some in _slices(object_ids, size):
        activated += len(await connection.fetch(queries("objects")["activate"], some))
    return activated
