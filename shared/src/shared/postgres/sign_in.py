"""Signing in and out, and who a session or a token belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.account_rows import AccountRow, CallerRow
from shared.postgres.database import EVERY_TENANT
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


class PostgresSignIn:
    """The tables ``sessions`` and ``login_attempts``, and what of ``users`` and ``api_tokens`` decides who calls.

    A session names its tenant (in a signed cookie), so that row-level security guards its look-up as any other.
    An address or a token names none: these look-ups alone are made for every tenant.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def attempt(self, keys: Sequence[bytes], *, window_seconds: float) -> list[tuple[int, float]]:
        """Count one more attempt for each key; how many there are, and for how many seconds they count."""

        async def work(connection: Connection) -> list[tuple[int, float]]:
            found = []
            for key in sorted(keys):
                row = await connection.fetchrow(queries("login_attempts")["count"], key, window_seconds)
                if row is None:
                    raise AssertionError("an upsert returns its row")
                found.append((key, row["failures"], row["seconds_left"]))
            by_key = {key: (failures, seconds) for key, failures, seconds in found}
            return [by_key[key] for key in keys]

        return await self._database.run(work)

    async def accounts(self, email: str, tenant_slug: str | None) -> list[AccountRow]:
        """Who may be meant by an address: at most two."""

        async def work(connection: Connection) -> list[AccountRow]:
            found = await connection.fetch(queries("users")["to_sign_in"], email, tenant_slug)
            return [AccountRow(**row) for row in found]

        return await self._database.run(work, EVERY_TENANT)

    async def account(self, tenant_id: UUID, user_id: UUID) -> AccountRow | None:
        """One user."""

        async def work(connection: Connection) -> AccountRow | None:
            row = await connection.fetchrow(queries("users")["account"], tenant_id, user_id)
            return None if row is None else AccountRow(**row)

        return await self._database.run(work, tenant_id)

    async def begin(
        self,
        *,
        session_id: UUID,
        account: AccountRow,
        seconds: float,
        cleared: bytes,
        taken_back: bytes,
        new_hash: str | None,
    ) -> datetime:
        """Open a session; when it ends. The attempts of this account are forgotten, that of its address is taken back.

        Args:
            session_id: made by who asks, so that a repetition opens no second one.
            account: whose it is.
            seconds: how long it lasts.
            cleared: the key of the account's attempts.
            taken_back: the key of the remote address's attempts.
            new_hash: the password under newer parameters, if they have changed.
        """

        async def work(connection: Connection) -> datetime:
            for key, name in sorted(((cleared, "clear"), (taken_back, "take_back"))):
                await connection.execute(queries("login_attempts")[name], key)
            if new_hash is not None:
                old = account.password_hash
                await connection.execute(
                    queries("users")["rehash"], account.tenant_id, account.id, old, new_hash
                )
            until: datetime = await connection.fetchval(
                queries("sessions")["begin"], session_id, account.tenant_id, account.id, seconds
            )
            await connection.execute(
                queries("audit_log")["add"],
                account.tenant_id,
                account.email,
                "session.begin",
                str(account.id),
                "accepted",
                {},
            )
            return until

        return await self._database.run(work, account.tenant_id)

    async def note_failure(self, account: AccountRow) -> None:
        """Write down that somebody did not know the password of a user."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("audit_log")["add"],
                account.tenant_id,
                account.email,
                "session.begin",
                str(account.id),
                "refused",
                {},
            )

        await self._database.run(work, account.tenant_id)

    async def end(self, caller: Caller) -> None:
        """Close the caller's session."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("sessions")["end"], caller.session_id, caller.tenant_id)
            await connection.execute(
                queries("audit_log")["add"],
                caller.tenant_id,
                caller.actor,
                "session.end",
                str(caller.user_id),
                "accepted",
                {},
            )

        await self._database.run(work, caller.tenant_id)

    async def of_session(self, tenant_id: UUID, session_id: UUID) -> CallerRow | None:
        """Whose session this is; None where it is over."""

        async def work(connection: Connection) -> CallerRow | None:
            row = await connection.fetchrow(queries("sessions")["caller"], session_id, tenant_id)
            return None if row is None else CallerRow(**row)

        return await self._database.run(work, tenant_id)

    async def of_token(self, secret_hash: bytes) -> CallerRow | None:
        """Whose token this is; None where it is none, or none any more. Its use is noted, to the minute."""

        async def work(connection: Connection) -> CallerRow | None:
            row = await connection.fetchrow(queries("api_tokens")["caller"], secret_hash)
            if row is None:
                return None
            values = dict(row)
            if values.pop("is_note_due"):
                await connection.execute(queries("api_tokens")["note_use"], values["token_id"])
            return CallerRow(**values)

        return await self._database.run(work, EVERY_TENANT)
