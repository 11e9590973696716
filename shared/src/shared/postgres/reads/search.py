"""What a search may show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.reads.listing import rows
from shared.postgres.reads.records import EvidenceRow
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The start of a search: T0, the live sources of the groups (None: of all), and those on their way out."""

    moment: datetime
    source_ids: list[UUID] | None
    deleting: list[UUID]


class SearchReads:
    """Queries of a search; each is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def scope(self, tenant_id: UUID, group_ids: Sequence[UUID] | None) -> Scope:
        """T0 by Postgres's clock, and where to look."""
        sql = queries("sources_read")

        async def work(connection: Connection) -> Scope:
            moment = await connection.fetchval(queries("search_read")["moment"])
            deleting = await connection.fetch(sql["deleting_for_search"], tenant_id)
            chosen = None
            if group_ids is not None:
                found = await connection.fetch(sql["live_of_groups"], tenant_id, list(group_ids))
                chosen = [row["id"] for row in found]
            return Scope(moment=moment, source_ids=chosen, deleting=[row["id"] for row in deleting])

        return await self._database.run(work, tenant_id)

    async def has_content(self, tenant_id: UUID) -> bool:
        """Whether anything of the tenant can be found at all."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetchval(queries("search_read")["has_content"], tenant_id))

        return await self._database.run(work, tenant_id)

    async def visible(
        self,
        tenant_id: UUID,
        object_ids: Sequence[UUID],
        moment: datetime,
        *,
        source_ids: Sequence[UUID] | None = None,
        document_ids: Sequence[UUID] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[EvidenceRow]:
        """Those of the objects that may be shown at ``moment``, all looked at in one statement; in no order."""

        async def work(connection: Connection) -> list[EvidenceRow]:
            return await rows(
                connection,
                EvidenceRow,
                queries("search_read")["visible"],
                tenant_id,
                list(object_ids),
                moment,
                _list(source_ids),
                _list(document_ids),
                _list(languages),
            )

        return await self._database.run(work, tenant_id)


def _list(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None else list(values)
