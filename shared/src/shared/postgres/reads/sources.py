"""Reading sources and what was found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.postgres.reads.listing import like, page_of_ids, page_of_rows, rows
from shared.postgres.reads.records import Listing, PageRow, Slice, SourceRow
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database


#: Stands where a status is asked for: pages that seem to be gone and are kept until somebody decides.
HELD: Final = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFilter:
    """Which sources; ``status`` is the derived one."""

    type: str | None = None
    status: str | None = None
    group_id: UUID | None = None
    text: str | None = None


class SourceReads:
    """Queries about sources; each is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, wanted: SourceFilter, part: Slice) -> Listing[SourceRow]:
        """Sources that are not deleted, newest first."""
        sql = queries("sources_read")
        filters = [tenant_id, wanted.type, wanted.group_id, like(wanted.text), wanted.status]

        async def work(connection: Connection) -> Listing[SourceRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["total"], filters, part)
            return Listing(await rows(connection, SourceRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, source_id: UUID) -> SourceRow | None:
        """One source, also while it is being deleted."""

        async def work(connection: Connection) -> SourceRow | None:
            found = await rows(
                connection, SourceRow, queries("sources_read")["shown"], tenant_id, [source_id]
            )
            return found[0] if found else None

        return await self._database.run(work, tenant_id)

    async def pages(
        self, tenant_id: UUID, source_id: UUID, status: str | None, part: Slice
    ) -> Listing[PageRow] | None:
        """The coverage ledger, or (``held``) what of it waits for a decision; None where there is no such source."""
        sql = queries("crawl_pages_read")

        async def work(connection: Connection) -> Listing[PageRow] | None:
            if not await connection.fetchval(queries("sources_read")["exists"], tenant_id, source_id):
                return None
            if status == HELD:
                held = [tenant_id, source_id]
                return await page_of_rows(connection, PageRow, sql["held"], sql["held_total"], held, part)
            filters = [tenant_id, source_id, status]
            return await page_of_rows(connection, PageRow, sql["page"], sql["total"], filters, part)

        return await self._database.run(work, tenant_id)

    async def columns(self, tenant_id: UUID, source_id: UUID) -> list[tuple[str, str]] | None:
        """Names and types of the columns that are served; None where there is no such source."""
        sql = queries("sources_read")

        async def work(connection: Connection) -> list[tuple[str, str]] | None:
            if not await connection.fetchval(sql["exists"], tenant_id, source_id):
                return None
            found: dict[str, str] = {}
            for row in await connection.fetch(sql["columns"], tenant_id, source_id):
                found.setdefault(row["name"], row["type"])
            return list(found.items())

        return await self._database.run(work, tenant_id)
