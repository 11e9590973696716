"""Reading what operators look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.reads.listing import rows
from shared.postgres.reads.records import LedgerRow, ProcessRow, StatsRow
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

    async def processes(self, tenant_id: UUID) -> tuple[list[ProcessRow], str]:
        """Who is at work, and the version of Postgres."""
        sql = queries("operations_read")

        async def work(connection: Connection) -> tuple[list[ProcessRow], str]:
            found = await rows(connection, ProcessRow, sql["workers"])
            return found, await connection.fetchval(sql["server_version"])

        return await self._database.run(work, tenant_id)
