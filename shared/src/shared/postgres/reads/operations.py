"""Reading what operators look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.reads.listing import page_of_rows, rows
from shared.postgres.reads.records import DeadMessageRow, LedgerRow, Listing, ProcessRow, Slice, StatsRow
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database


class OperationReads:
    """Queries about the installation; each is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def stats(self, tenant_id: UUID) -> StatsRow:
        """Three figures."""

        async def work(connection: Connection) -> StatsRow:
            return (await rows(connection, StatsRow, queries("operations_read")["stats"], tenant_id))[0]

        return await self._database.run(work, tenant_id)

    async def ledger(self, tenant_id: UUID) -> LedgerRow:
        """Accepted work by what became of it, compared with the rows."""

        async def work(connection: Connection) -> LedgerRow:
            return (await rows(connection, LedgerRow, queries("operations_read")["ledger"], tenant_id))[0]

        return await self._database.run(work, tenant_id)

    async def dead_messages(self, tenant_id: UUID, topic: str | None, part: Slice) -> Listing[DeadMessageRow]:
        """Messages that could not be understood, newest first, with the beginning of each."""
        sql = queries("dead_messages")

        async def work(connection: Connection) -> Listing[DeadMessageRow]:
            return await page_of_rows(connection, DeadMessageRow, sql["page"], sql["total"], [topic], part)

        return await self._database.run(work, tenant_id)

    async def dead_message(self, tenant_id: UUID, key: UUID) -> DeadMessageRow | None:
        """One of them, with all that is kept of it."""

        async def work(connection: Connection) -> DeadMessageRow | None:
            found = await rows(connection, DeadMessageRow, queries("dead_messages")["one"], key)
            return found[0] if found else None

        return await self._database.run(work, tenant_id)

    async def processes(self, tenant_id: UUID) -> tuple[list[ProcessRow], str]:
        """Who is at work, and the version of Postgres."""
        sql = queries("operations_read")

        async def work(connection: Connection) -> tuple[list[ProcessRow], str]:
            found = await rows(connection, ProcessRow, sql["workers"])
            return found, await connection.fetchval(sql["server_version"])

        return await self._database.run(work, tenant_id)
