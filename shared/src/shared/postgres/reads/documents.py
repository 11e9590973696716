"""Reading documents, their versions and their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.postgres.reads.listing import like, page_of_ids, rows
from shared.postgres.reads.records import ChunkRow, DocumentRow, Listing, Slice, VersionRow
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database

#: More than any setting keeps.
_VERSIONS_AT_MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """Which documents; without a status all but the retired ones."""

    source_id: UUID | None = None
    group_id: UUID | None = None
    status: str | None = None
    text: str | None = None


class DocumentReads:
    """Queries about documents of live sources; each is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, wanted: DocumentFilter, part: Slice) -> Listing[DocumentRow]:
        """Documents, newest first."""
        sql = queries("documents_read")
        filters = [tenant_id, wanted.source_id, wanted.group_id, wanted.status, like(wanted.text)]

        async def work(connection: Connection) -> Listing[DocumentRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["total"], filters, part)
            return Listing(await rows(connection, DocumentRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, document_id: UUID) -> tuple[DocumentRow, list[VersionRow]] | None:
        """One document with the versions that were served, newest first."""
        sql = queries("documents_read")

        async def work(connection: Connection) -> tuple[DocumentRow, list[VersionRow]] | None:
            found = await rows(connection, DocumentRow, sql["shown"], tenant_id, [document_id])
            if not found:
                return None
            versions = await rows(
                connection, VersionRow, sql["versions"], tenant_id, document_id, _VERSIONS_AT_MOST
            )
            return found[0], versions

        return await self._database.run(work, tenant_id)

    async def content(self, tenant_id: UUID, document_id: UUID) -> str | None:
        """The Markdown of the active version; None where there is none."""

        async def work(connection: Connection) -> str | None:
            markdown: str | None = await connection.fetchval(
                queries("documents_read")["content"], tenant_id, document_id
            )
            return markdown

        return await self._database.run(work, tenant_id)

    async def chunks(
        self, tenant_id: UUID, document_id: UUID, after: int, part: Slice
    ) -> Listing[ChunkRow] | None:
        """Chunks of the active version behind an ordinal, in order; None where there is no such document."""
        sql = queries("documents_read")

        async def work(connection: Connection) -> Listing[ChunkRow] | None:
            version = await connection.fetchrow(sql["active_version"], tenant_id, document_id)
            if version is None:
                return None
            if version["id"] is None:
                return Listing([], 0)
            arguments = (tenant_id, version["id"], after, part.limit, part.offset)
            found = await rows(connection, ChunkRow, sql["chunks"], *arguments)
            return Listing(found, version["chunk_count"])

        return await self._database.run(work, tenant_id)
