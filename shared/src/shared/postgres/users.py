"""Users of a tenant, and the first one of the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts.caller import Role
from shared.postgres.account_errors import LastAdminError, OperatorOnlyError, UserExistsError
from shared.postgres.account_rows import UserRow
from shared.postgres.database import EVERY_TENANT
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.intake_support import audit
from shared.postgres.reads.listing import page_of_ids, rows
from shared.postgres.reads.records import Listing
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database, Principal
    from shared.postgres.reads.records import Slice


class PostgresUsers:
    """The table ``users``; each change is audited in its own transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[UserRow]:
        """Users, newest first."""
        sql = queries("users")

        async def work(connection: Connection) -> Listing[UserRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["total"], [tenant_id], part)
            return Listing(await rows(connection, UserRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, user_id: UUID) -> UserRow:
        """One user.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.run(lambda connection: _get(connection, tenant_id, user_id), tenant_id)

    async def add(
        self,
        *,
        caller: Caller,
        user_id: UUID,
        tenant_slug: str | None,
        email: str,
        password_hash: str,
        role: Role,
    ) -> UserRow:
        """Add a user to the caller's tenant, or to the one that an operator names.

        Raises:
            NotFoundError: there is no such tenant.
            UserExistsError: the tenant has this address already.
        """

        async def work(connection: Connection) -> UserRow:
            tenant_id: UUID | None = caller.tenant_id
            if tenant_slug is not None:
                tenant_id = await connection.fetchval(queries("users")["tenant_of_slug"], tenant_slug)
            if tenant_id is None:
                raise NotFoundError("tenant")
            added = await connection.fetchval(
                queries("users")["add"], user_id, tenant_id, email, password_hash, role
            )
            if added is None:
                known = await connection.fetchval(queries("users")["account"], tenant_id, user_id)
                if known is None:
                    raise UserExistsError(email)
                return await _get(connection, tenant_id, user_id)
            await audit(connection, caller, "user.add", user_id, email=email, role=role, tenant=tenant_slug)
            return await _get(connection, tenant_id, user_id)

        principal: Principal = caller.tenant_id if tenant_slug is None else EVERY_TENANT
        return await self._database.run(work, principal)

    async def change(
        self,
        *,
        caller: Caller,
        user_id: UUID,
        role: Role | None = None,
        password_hash: str | None = None,
    ) -> UserRow:
        """Change a user's role or password; a new password ends all its other sessions.

        Raises:
            NotFoundError: there is none.
            OperatorOnlyError: it is an operator, and the caller is none.
            LastAdminError: nobody would be left to look after the tenant or the installation.
        """

        async def work(connection: Connection) -> UserRow:
            user = await _held(connection, caller, user_id, goes=role is Role.USER)
            await connection.execute(
                queries("users")["change"], caller.tenant_id, user_id, role, password_hash
            )
            if password_hash is not None:
                kept = caller.session_id if caller.user_id == user_id else None
                await connection.execute(queries("sessions")["end_others"], user_id, kept)
            changed = {"role": role, "password": None if password_hash is None else "changed"}
            detail = {name: value for name, value in changed.items() if value is not None}
            await audit(connection, caller, "user.change", user_id, email=user.email, **detail)
            return await _get(connection, caller.tenant_id, user_id)

        return await self._database.run(work, caller.tenant_id)

    async def remove(self, *, caller: Caller, user_id: UUID) -> None:
        """Remove a user with its sessions and tokens.

        Raises:
            NotFoundError: there is none.
            OperatorOnlyError: it is an operator, and the caller is none.
            LastAdminError: nobody would be left to look after the tenant or the installation.
        """

        async def work(connection: Connection) -> None:
            user = await _held(connection, caller, user_id, goes=True)
            await connection.execute(queries("users")["remove"], caller.tenant_id, user_id)
            await audit(connection, caller, "user.remove", user_id, email=user.email)

        await self._database.run(work, caller.tenant_id)

    async def add_first(
        self, *, caller: Caller, user_id: UUID, email: str, password_hash: str, even_if_known: bool
    ) -> bool:
        """Make an admin who is an operator as well; whether it was made.

        Args:
            caller: the tenant that it belongs to, and who is named in the audit log.
            user_id: made by who asks.
            email: in lower case.
            password_hash: PHC string.
            even_if_known: also where the installation has users already.

        Raises:
            UserExistsError: the tenant has this address already, and ``even_if_known`` is given.
        """

        async def work(connection: Connection) -> bool:
            sql = queries("users")
            await connection.execute(sql["alone"])
            if await connection.fetchval(sql["account"], caller.tenant_id, user_id) is not None:
                return True
            if not even_if_known and await connection.fetchval(sql["any"]):
                return False
            added = await connection.fetchval(
                sql["add_operator"], user_id, caller.tenant_id, email, password_hash
            )
            if added is None:
                raise UserExistsError(email)
            await audit(connection, caller, "user.add", user_id, email=email, role=Role.ADMIN, operator=True)
            return True

        return await self._database.run(work, EVERY_TENANT)

    async def is_empty(self) -> bool:
        """Whether nobody can sign in yet."""

        async def work(connection: Connection) -> bool:
            return not await connection.fetchval(queries("users")["any"])

        return await self._database.run(work, EVERY_TENANT)


async def _get(connection: Connection, tenant_id: UUID, user_id: UUID) -> UserRow:
    found = await rows(connection, UserRow, queries("users")["shown"], tenant_id, [user_id])
    if not found:
        raise NotFoundError("user")
    return found[0]


async def _held(connection: Connection, caller: Caller, user_id: UUID, *, goes: bool) -> UserRow:
    """The user, with all admins of the tenant locked, so that of two admins who remove each other one remains.

    Args:
        connection: in a transaction.
        caller: who changes something.
        user_id: of whom.
        goes: whether the user is an admin no longer afterwards.
    """
    admins = await connection.fetch(queries("users")["lock_admins"], caller.tenant_id)
    if await connection.fetchval(queries("users")["lock"], caller.tenant_id, user_id) is None:
        raise NotFoundError("user")
    user = await _get(connection, caller.tenant_id, user_id)
    if user.is_operator and not caller.is_operator:
        raise OperatorOnlyError
    others = [admin for admin in admins if admin["id"] != user_id]
    if goes and user.role == Role.ADMIN and not others:
        raise LastAdminError("This is the last admin of the tenant: make somebody else an admin first.")
    if goes and user.is_operator and not any(admin["is_operator"] for admin in others):
        raise LastAdminError("This is the last operator here: the installation needs one.")
    return user
