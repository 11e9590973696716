"""The audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.postgres.account_rows import AuditRow
from shared.postgres.reads.listing import page_of_rows
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database
    from shared.postgres.reads.records import Listing, Slice


class AuditReads:
    """Who did what to what, newest first."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(
        self, tenant_id: UUID, action: str | None, actor: str | None, part: Slice
    ) -> Listing[AuditRow]:
        """Entries of one tenant, of an action, of an actor, or of both."""
        sql = queries("audit_log_read")
        suffix = "_of_action" if action is not None else "_of_actor" if actor is not None else ""
        filters: list[Any] = [tenant_id]
        if action is not None:
            filters += [action, actor]
        elif actor is not None:
            filters.append(actor)

        async def work(connection: Connection) -> Listing[AuditRow]:
            return await page_of_rows(
                connection, AuditRow, sql[f"page{suffix}"], sql[f"total{suffix}"], filters, part
            )

        return await self._database.run(work, tenant_id)
