"""API tokens: what programs show instead of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.contracts.caller import Role
from shared.postgres.account_errors import TooManyTokensError
from shared.postgres.account_rows import TokenRow
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.intake_support import audit
from shared.postgres.reads.listing import page_of_ids, rows
from shared.postgres.reads.records import Listing
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database
    from shared.postgres.reads.records import Slice

TOKENS_MAX: Final = 100
"""Of one user."""


class PostgresTokens:
    """The table ``api_tokens``; each change is audited in its own transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, caller: Caller, part: Slice) -> Listing[TokenRow]:
        """The caller's tokens, newest first; to an admin those of the whole tenant."""
        sql = queries("api_tokens")
        of_tenant = caller.role is Role.ADMIN
        page, total = ("page_of_tenant", "total_of_tenant") if of_tenant else ("page", "total")
        filters = [caller.tenant_id] if of_tenant else [caller.tenant_id, caller.user_id]

        async def work(connection: Connection) -> Listing[TokenRow]:
            ids, count = await page_of_ids(connection, sql[page], sql[total], filters, part)
            return Listing(await rows(connection, TokenRow, sql["shown"], caller.tenant_id, ids), count)

        return await self._database.run(work, caller.tenant_id)

    async def add(
        self,
        *,
        caller: Caller,
        token_id: UUID,
        name: str,
        secret_hash: bytes,
        role: Role,
        expires_at: datetime | None,
    ) -> TokenRow:
        """Make a token for the caller. One that is made by a token ends with it.

        Args:
            caller: whose it is.
            token_id: made by who asks, so that a repetition makes no second one.
            name: what it is for.
            secret_hash: SHA-256 of the secret.
            role: no more than the caller's.
            expires_at: None for never.

        Raises:
            TooManyTokensError: the user has as many as anybody may have.
            NotFoundError: the token that asks was revoked meanwhile.
        """
        sql = queries("api_tokens")

        async def work(connection: Connection) -> TokenRow:
            parent = None
            if caller.token_id is not None:
                parent = await connection.fetchrow(sql["parent"], caller.tenant_id, caller.token_id)
                if parent is None:  # revoked since the request began
                    raise NotFoundError("token")
            await connection.execute(
                sql["add"],
                token_id,
                caller.tenant_id,
                caller.user_id,
                caller.token_id,
                name,
                secret_hash,
                role,
                expires_at,
                None if parent is None else parent["expires_at"],
            )
            if await connection.fetchval(sql["count"], caller.user_id) > TOKENS_MAX:
                raise TooManyTokensError(TOKENS_MAX)
            await audit(connection, caller, "token.add", token_id, name=name, role=role)
            found = await rows(connection, TokenRow, sql["shown"], caller.tenant_id, [token_id])
            return found[0]

        return await self._database.run(work, caller.tenant_id)

    async def remove(self, *, caller: Caller, token_id: UUID) -> None:
        """Revoke a token, and those that it made.

        Raises:
            NotFoundError: there is none, or it is somebody else's and the caller no admin.
        """
        owner = None if caller.role is Role.ADMIN else caller.user_id

        async def work(connection: Connection) -> None:
            row = await connection.fetchrow(
                queries("api_tokens")["remove"], caller.tenant_id, token_id, owner
            )
            if row is None:
                raise NotFoundError("token")
            await audit(connection, caller, "token.remove", token_id, name=row["name"])

        await self._database.run(work, caller.tenant_id)
