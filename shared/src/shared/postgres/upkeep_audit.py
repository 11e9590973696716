"""What the comparison of Weaviate with Postgres reads and writes here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.postgres import registry
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from shared.postgres.database import Connection, Database

_LEAST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects lie: a tenant in a collection.

    Attributes:
        after: where the round stands, None at its beginning.
        moment: when the place was read.
    """

    tenant_id: UUID
    tenant: str
    collection: str
    after: UUID | None = None
    moment: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An active object, as its row describes it.

    Attributes:
        type: its source's.
        is_live: whether its source is; one that is being removed may have lost it already.
    """

    object_id: UUID
    chunk_id: UUID
    source_id: UUID
    document_id: UUID
    batch_id: UUID
    type: str
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class RecentBatch:
    """An index batch that was verified lately, when, and where."""

    batch_id: UUID
    place: Place
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """Objects that are served according to Postgres and are not as they must be.

    Attributes:
        broken: all of them.
        kinds: those that were not known yet, by their kind.
    """

    broken: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def noted(self) -> int:
        """How many were not known yet."""
        return self.kinds.total()


class PostgresAudit:
    """Each method is one transaction: between two of them, Weaviate is asked."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def places(self, *, at_most: int) -> list[Place]:
        """All places of living tenants, the longest unvisited first."""

        async def work(connection: Connection) -> list[Place]:
            rows = await connection.fetch(queries("audit_state")["places"], at_most)
            return [
                Place(r["tenant_id"], r["slug"], r["collection"], r["scan_after"], r["moment"]) for r in rows
            ]

        return await self._database.run(work)

    async def active(self, place: Place, *, at_most: int) -> list[Served]:
        """The next active objects there, by id: Weaviate must have those of live sources."""

        async def work(connection: Connection) -> list[Served]:
            await connection.execute(queries("objects")["walk_in_order"])
            rows = await connection.fetch(
                queries("objects")["active_after"],
                place.tenant_id,
                place.collection,
                place.after or _LEAST,
                at_most,
            )
            return [Served(**row) for row in rows]

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
        """Have these objects replaced, each ``missing``, ``hollow`` or ``altered``.

        Only those that are still served: ask Weaviate first.
        """

        async def work(connection: Connection) -> Broken:
            rows = await connection.fetch(queries("repairs")["note"], list(kinds), list(kinds.values()))
            noted = Counter({row["kind"]: row["noted"] for row in rows if row["noted"]})
            return Broken(sum(row["broken"] for row in rows), noted)

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
                place.moment if place.after is None else None,
            )

        await self._database.run(work)

    async def pass_over(self, place: Place) -> None:
        """A place could not be compared now: all others come before it, and its round goes on where it stood."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("audit_state")["pass_over"], place.tenant_id, place.collection)

        await self._database.run(work)

    async def recent_batches(self, *, since: datetime, until: datetime, at_most: int) -> list[RecentBatch]:
        """Batches that were verified between these moments (both included), the newest first."""

        async def work(connection: Connection) -> list[RecentBatch]:
            rows = await connection.fetch(queries("index_batches")["recent"], since, until, at_most)
            return [
                RecentBatch(r["batch_id"], Place(r["tenant_id"], r["slug"], r["collection"]), r["closed_at"])
                for r in rows
            ]

        return await self._database.run(work)

    async def active_of_batch(self, batch_id: UUID) -> list[UUID]:
        """What of a batch is being served."""

        async def work(connection: Connection) -> list[UUID]:
            rows = await connection.fetch(queries("objects")["active_of_batch"], batch_id)
            return [row["object_id"] for row in rows]

        return await self._database.run(work)

    async def active_of_documents(
        self, source_ids: Sequence[UUID], document_ids: Sequence[UUID]
    ) -> dict[Place, list[UUID]]:
        """What of these documents is being served, and where."""

        async def work(connection: Connection) -> dict[Place, list[UUID]]:
            rows = await connection.fetch(
                queries("objects")["active_of_documents"], list(source_ids), list(document_ids)
            )
            found: dict[Place, list[UUID]] = {}
            for row in rows:
                place = Place(row["tenant_id"], row["slug"], row["collection"])
                found.setdefault(place, []).append(row["object_id"])
            return found

        return await self._database.run(work)

    async def collections(self) -> list[str]:
        """Every collection, the oldest first."""

        async def work(connection: Connection) -> list[str]:
            return [row["name"] for row in await connection.fetch(queries("collections")["all"])]

        return await self._database.run(work)

    async def current(self) -> registry.Collection | None:
        """The collection that is written to; None where there is none yet."""

        async def work(connection: Connection) -> registry.Collection | None:
            row = await connection.fetchrow(queries("collections")["current"])
            return registry.Collection(row["name"], row["model"], row["dimensions"]) if row else None

        return await self._database.run(work)

    async def live_slugs(self) -> set[str]:
        """The names in Weaviate of the tenants that are not deleted."""

        async def work(connection: Connection) -> set[str]:
            return {row["slug"] for row in await connection.fetch(queries("tenants")["live"])}

        return await self._database.run(work)
