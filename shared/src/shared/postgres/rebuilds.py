"""Wishes to have what is served indexed anew from the rows: asked for by people, noted by the janitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.clock import new_id
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.intake_support import audit
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRow:
    """How far a rebuild is.

    Attributes:
        source_id: None for all sources of the tenant.
        total: objects there were to replace when it was asked for.
        done: of them.
        finished_at: None while it goes on.
        reason: why it ended before all was done, ``collection_changed``; None where it did not.
    """

    id: UUID
    source_id: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    total: int
    done: int
    reason: str | None = None


class PostgresRebuilds:
    """The table ``rebuilds``; each method is one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def ask(self, *, caller: Caller, source_id: UUID | None) -> RebuildRow:
        """Ask for a source, or for everything of the tenant; one that is open for it stands for this one.

        Raises:
            NotFoundError: no such live source.
        """
        rebuild_id = new_id()

        async def work(connection: Connection) -> RebuildRow:
            if source_id is not None and not await connection.fetch(
                queries("sources")["hold_live"], [source_id]
            ):
                raise NotFoundError("source")
            made = await connection.fetchval(
                queries("rebuilds")["ask"], rebuild_id, caller.tenant_id, source_id
            )
            if made is not None:
                await audit(connection, caller, "reindex", source_id or caller.tenant_id)
            found = await connection.fetchval(queries("rebuilds")["open_for"], caller.tenant_id, source_id)
            row = await connection.fetchrow(queries("rebuilds")["get"], found, caller.tenant_id)
            if row is None:
                raise NotFoundError("rebuild")
            return RebuildRow(**row)

        return await self._database.run(work, principal=caller.tenant_id)

    async def get(self, tenant_id: UUID, rebuild_id: UUID) -> RebuildRow | None:
        """How far one is; None where there is none."""

        async def work(connection: Connection) -> RebuildRow | None:
            row = await connection.fetchrow(queries("rebuilds")["get"], rebuild_id, tenant_id)
            return None if row is None else RebuildRow(**row)

        return await self._database.run(work, principal=tenant_id)

    async def open(self) -> list[UUID]:
        """Those that are not finished, the oldest first."""

        async def work(connection: Connection) -> list[UUID]:
            return [row["id"] for row in await connection.fetch(queries("rebuilds")["open"])]

        return await self._database.run(work)

    async def advance(self, rebuild_id: UUID, *, at_most: int, waiting_max: int) -> int:
        """Note its next objects, unless enough of them wait; how many it were.

        It ends when none is left, or when another collection is written to than when it was asked for.
        """

        async def work(connection: Connection) -> int:
            rebuilds = queries("rebuilds")
            row = await connection.fetchrow(rebuilds["hold"], rebuild_id)
            if row is None:
                return 0
            if row["is_void"]:
                await connection.execute(rebuilds["end_void"], rebuild_id)
                return 0
            if row["waiting"] >= waiting_max:
                return 0
            if row["noted_up_to"] is None:
                if not row["waiting"]:
                    await connection.execute(rebuilds["finish"], rebuild_id)
                return 0
            next_ones = await _next(connection, row, at_most)
            ids = [one["object_id"] for one in next_ones]
            await connection.execute(queries("repairs")["note_rebuild"], rebuild_id, ids)
            last = next_ones[-1] if len(next_ones) == at_most else None
            await connection.execute(
                rebuilds["advance"],
                rebuild_id,
                len(next_ones),
                last and last["object_id"],
                last and last["document_id"],
            )
            return len(next_ones)

        return await self._database.run(work)

    async def forget(self, *, after_seconds: float) -> int:
        """Forget those that were finished long ago; how many."""

        async def work(connection: Connection) -> int:
            status = await connection.execute(queries("rebuilds")["forget"], after_seconds)
            return int(status.rpartition(" ")[2])

        return await self._database.run(work)


async def _next(connection: Connection, rebuild: Record, at_most: int) -> list[Record]:
    """The next objects in its collection."""
    repairs = queries("repairs")
    await connection.execute(queries("objects")["walk_in_order"])
    place = (rebuild["collection"], rebuild["noted_up_to"], rebuild["requested_at"], at_most)
    if rebuild["source_id"] is None:
        return await connection.fetch(repairs["next_of_tenant"], rebuild["tenant_id"], *place)
    return await connection.fetch(
        repairs["next_of_source"], rebuild["source_id"], *place, rebuild["noted_in_document"]
    )
