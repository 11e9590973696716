"""Tenants: everything that operators do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.clock import new_id
from shared.postgres.database import EVERY_TENANT
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.intake_support import audit
from shared.postgres.reads.listing import page_of_ids, rows
from shared.postgres.reads.records import Listing, Slice
from shared.postgres.sql import queries
from shared.postgres.tenant_errors import OwnTenantError, TenantExistsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """A living tenant with what it has; ``limits`` are those that an operator has set, by name."""

    id: UUID
    slug: str
    name: str
    limits: Mapping[str, int]
    created_at: datetime
    sources: int
    documents: int
    in_flight: int
    stored_bytes: int


class PostgresTenants:
    """Each method is one transaction over all tenants: for operators alone. What they change is audited as theirs."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, part: Slice) -> Listing[TenantRow]:
        """Living tenants, newest first."""
        sql = queries("tenants")

        async def work(connection: Connection) -> Listing[TenantRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["total"], [], part)
            return Listing(await rows(connection, TenantRow, sql["shown"], ids), total)

        return await self._database.run(work, EVERY_TENANT)

    async def get(self, tenant_id: UUID) -> TenantRow:
        """One living tenant.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.run(lambda connection: _get(connection, tenant_id), EVERY_TENANT)

    async def add(self, *, caller: Caller, slug: str, name: str) -> TenantRow:
        """Make a tenant; ``slug`` must be of small letters, digits and dashes, at most 63.

        Raises:
            TenantExistsError: the slug is, or was, another's.
        """
        tenant_id = new_id()

        async def work(connection: Connection) -> TenantRow:
            if await connection.fetchval(queries("tenants")["add"], tenant_id, slug, name) is None:
                raise TenantExistsError(slug)
            await audit(connection, caller, "tenant.add", tenant_id, slug=slug)
            return await _get(connection, tenant_id)

        return await self._database.run(work, EVERY_TENANT)

    async def override(
        self, *, caller: Caller, tenant_id: UUID, limits: Mapping[str, int | None]
    ) -> TenantRow:
        """Set limits by name (see ``shared.limits``); None takes one back to what the settings say.

        Raises:
            NotFoundError: there is no such living tenant.
        """

        async def work(connection: Connection) -> TenantRow:
            if await connection.fetchval(queries("tenants")["override"], tenant_id, dict(limits)) is None:
                raise NotFoundError("tenant")
            await audit(connection, caller, "tenant.limits", tenant_id, limits=dict(limits))
            return await _get(connection, tenant_id)

        return await self._database.run(work, EVERY_TENANT)

    async def remove(self, *, caller: Caller, tenant_id: UUID) -> bool:
        """Have a tenant removed with all that it has: hidden at once, and emptied by the janitor.

        Returns whether this call did it: a tenant that is deleted already stays so.

        Raises:
            OwnTenantError: the caller belongs to it.
            NotFoundError: there never was such a tenant.
        """
        if tenant_id == caller.tenant_id:
            raise OwnTenantError
        tried = False

        async def work(connection: Connection) -> bool:
            nonlocal tried
            tenant = await connection.fetchrow(queries("tenants")["hold"], tenant_id)
            if tenant is None:
                raise NotFoundError("tenant")
            if tenant["deleted_at"] is not None:
                return tried
            await connection.execute(queries("tenants")["mark_deleted"], tenant_id)
            await audit(connection, caller, "tenant.delete", tenant_id, slug=tenant["slug"])
            tried = True
            return True

        return await self._database.run(work, EVERY_TENANT)


async def _get(connection: Connection, tenant_id: UUID) -> TenantRow:
    found = await rows(connection, TenantRow, queries("tenants")["shown"], [tenant_id])
    if not found:
        raise NotFoundError("tenant")
    return found[0]
