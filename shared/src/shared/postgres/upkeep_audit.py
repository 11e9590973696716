"""What the comparison of Weaviate with Postgres reads and writes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shared.postgres.database import Connection, Database

_LEAST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects lie: a tenant in a collection. ``after`` is where the round stands, None at its beginning."""

    tenant_id: UUID
    tenant: str
    collection: str
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class RecentBatch:
    """An index batch that was verified lately, and where."""

    batch_id: UUID
    place: Place


@dataclass(frozen=True, slots=True)
class Broken:
    """Objects that are served according to Postgres and cannot be found; ``noted`` of them were not known yet."""

    broken: int = 0
    noted: int = 0


class PostgresAudit:
    """Each method is one transaction: between two of them, Weaviate is asked."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def places(self, *, at_most: int) -> list[Place]:
        """All places of living tenants, the longest unvisited first."""

        async def work(connection: Connection) -> list[Place]:
            rows = await connection.fetch(queries("audit_state")["places"], at_most)
            return [Place(r["tenant_id"], r["slug"], r["collection"], r["scan_after"]) for r in rows]

        return await self._database.run(work)

    async def active(self, place: Place, *, at_most: int) -> list[UUID]:
        """The next objects, by id, that Weaviate must have there."""

        async def work(connection: Connection) -> list[UUID]:
            rows = await connection.fetch(
                queries("objects")["active_after"],
                place.tenant_id,
                place.collection,
                place.after or _LEAST,
                at_most,
            )
            return [row["object_id"] for row in rows]

        return await self._database.run(work)

    async def strangers(self, place: Place, object_ids: Collection[UUID]) -> list[UUID]:
        """Those of the objects that Weaviate has there which do not belong there.

        Ask Weaviate first: every object is here before it is sent.
        """
        ids = sorted(object_ids)

        async def work(connection: Connection) -> list[UUID]:
            rows = await connection.fetch(queries("objects")["known"], ids, place.tenant_id, place.collection)
            known = {row["object_id"] for row in rows}
            return [key for key in ids if key not in known]

        return await self._database.run(work)

    async def note_broken(self, kinds: Mapping[UUID, str]) -> Broken:
        """Have these objects replaced, each ``missing`` or ``hollow``: those that are still served, asked after Weaviate."""

        async def work(connection: Connection) -> Broken:
            row = await connection.fetchrow(queries("repairs")["note"], list(kinds), list(kinds.values()))
            return Broken(row["broken"], row["noted"]) if row else Broken()

        return await self._database.run(work)

    async def advance(self, place: Place, *, after: UUID | None, missing: int, orphans: int) -> None:
        """A slice up to ``after`` was compared, or the rest of the round (None); the orphans in it are deleted."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("audit_state")["advance"],
                place.tenant_id,
                place.collection,
                after,
                missing,
                orphans,
                orphans,
            )

        await self._database.run(work)

    async def recent_batches(self, *, within_seconds: float, at_most: int) -> list[RecentBatch]:
        """Batches that were verified lately, the newest first."""

        async def work(connection: Connection) -> list[RecentBatch]:
            rows = await connection.fetch(queries("index_batches")["recent"], within_seconds, at_most)
            return [
                RecentBatch(r["batch_id"], Place(r["tenant_id"], r["slug"], r["collection"])) for r in rows
            ]

        return await self._database.run(work)

    async def active_of_batch(self, batch_id: UUID) -> list[UUID]:
        """What of a batch is being served."""

        async def work(connection: Connection) -> list[UUID]:
            rows = await connection.fetch(queries("objects")["active_of_batch"], batch_id)
            return [row["object_id"] for row in rows]

        return await self._database.run(work)
