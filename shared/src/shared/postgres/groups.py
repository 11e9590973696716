"""Document groups: everything that is done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from shared.postgres.group_errors import GroupExistsError, GroupInUseError
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.listing import page_of_ids, rows
from shared.postgres.reads.records import GroupRow, Listing, Slice
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database


class Groups:
    """Reading and changing groups; each method is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[GroupRow]:
        """Groups, newest first."""
        sql = queries("groups")

        async def work(connection: Connection) -> Listing[GroupRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["total"], [tenant_id], part)
            return Listing(await rows(connection, GroupRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, group_id: UUID) -> GroupRow:
        """One group.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.run(lambda connection: _get(connection, tenant_id, group_id), tenant_id)

    async def add(self, tenant_id: UUID, name: str) -> GroupRow:
        """Make a group.

        Raises:
            GroupExistsError: the name is taken.
        """

        async def work(connection: Connection) -> GroupRow:
            group_id = await connection.fetchval(queries("groups")["add"], tenant_id, name)
            if group_id is None:
                raise GroupExistsError(name)
            return await _get(connection, tenant_id, group_id)

        return await self._database.run(work, tenant_id)

    async def rename(self, tenant_id: UUID, group_id: UUID, name: str) -> GroupRow:
        """Give a group another name.

        Raises:
            NotFoundError: there is none.
            GroupExistsError: the name is taken.
        """
        sql = queries("groups")

        async def work(connection: Connection) -> GroupRow:
            if await connection.fetchrow(sql["lock"], tenant_id, group_id) is None:
                raise NotFoundError("group")
            if await connection.fetchval(sql["name_taken"], tenant_id, group_id, name):
                raise GroupExistsError(name)
            await connection.execute(sql["rename"], tenant_id, group_id, name)
            return await _get(connection, tenant_id, group_id)

        try:
            return await self._database.run(work, tenant_id)
        except asyncpg.UniqueViolationError:  # another request took the name between the look and the write
            raise GroupExistsError(name) from None

    async def remove(self, tenant_id: UUID, group_id: UUID) -> None:
        """Remove an empty group.

        Raises:
            NotFoundError: there is none.
            GroupInUseError: sources are in it, or it is the one for everything that names no group.
        """
        sql = queries("groups")

        async def work(connection: Connection) -> None:
            group = await connection.fetchrow(sql["lock"], tenant_id, group_id)
            if group is None:
                raise NotFoundError("group")
            if group["name"] == "default":
                raise GroupInUseError("The group default takes what names no group: it cannot be removed.")
            sources = await connection.fetchval(sql["sources_in"], group_id)
            if sources:
                raise GroupInUseError(f"Sources are in this group ({sources}): move or delete them first.")
            default = await connection.fetchval(queries("sources")["default_group"], tenant_id)
            await connection.execute(sql["move_receipts"], group_id, default)
            await connection.execute(sql["drop"], tenant_id, group_id)

        await self._database.run(work, tenant_id)


async def _get(connection: Connection, tenant_id: UUID, group_id: UUID) -> GroupRow:
    found = await rows(connection, GroupRow, queries("groups")["shown"], tenant_id, [group_id])
    if not found:
        raise NotFoundError("group")
    return found[0]
