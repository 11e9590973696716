"""From objects that are not served any more to tombstones, and from tombstones to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An object that Weaviate shall not have: its id, and where it may lie."""

    object_id: UUID
    collection: str
    tenant: str


class PostgresObjectUpkeep:
    """States of objects; what is deleting is committed before Weaviate is touched. Each method is one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def expire_batches(self, *, at_most: int) -> tuple[int, int]:
        """Give up batches whose owner's time is over; returns how many, and how many objects are deleted with them.

        An owner that comes late finds its batch closed and cannot count it as verified.
        """

        async def work(connection: Connection) -> tuple[int, int]:
            batches = queries("index_batches")
            expired = [row["batch_id"] for row in await connection.fetch(batches["expired"], at_most)]
            failed = [row["batch_id"] for row in await connection.fetch(batches["fail"], expired)]
            rows = await connection.fetch(queries("objects")["discard_batches"], failed)
            return len(failed), len(rows)

        return await self._database.run(work)

    async def discard_superseded(self, *, grace_seconds: float, at_most: int) -> int:
        """Superseded ones that no search can still be looking at are to be deleted."""
        return await self._discard("discard_superseded", grace_seconds, at_most)

    async def discard_unused(self, *, after_seconds: float, at_most: int) -> int:
        """Verified ones that nothing will ever activate are to be deleted."""
        return await self._discard("discard_unused", after_seconds, at_most)

    async def _discard(self, query: str, seconds: float, at_most: int) -> int:
        async def work(connection: Connection) -> int:
            return len(await connection.fetch(queries("objects")[query], seconds, at_most))

        return await self._database.run(work)

    async def to_delete(self, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones, by id, that Weaviate has not been told about."""
        return await self._tombstones("to_delete", after, at_most)

    async def to_purge(self, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones, by id, that are to be deleted once more."""
        return await self._tombstones("to_purge", after, at_most)

    async def _tombstones(self, query: str, after: UUID, at_most: int) -> list[Tombstone]:
        async def work(connection: Connection) -> list[Tombstone]:
            rows = await connection.fetch(queries("objects")[query], after, at_most)
            return [Tombstone(row["object_id"], row["collection"], row["slug"]) for row in rows]

        return await self._database.run(work)

    async def mark_deleted(self, object_ids: Sequence[UUID], *, purge_after_seconds: float) -> None:
        """Weaviate was told; the tombstones stay until it is told again."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("objects")["mark_deleted"], list(object_ids), purge_after_seconds
            )

        await self._database.run(work)

    async def purge(self, object_ids: Sequence[UUID]) -> None:
        """Weaviate was told twice: forget them."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("objects")["purge"], list(object_ids))

        await self._database.run(work)
