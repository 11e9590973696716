"""Signing in, signing out, and changing one's own password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.accounts import account_key, normal_email, remote_key
from gateway.core.errors import InvalidCredentialsError, TooManyAttemptsError, UnauthenticatedError
from shared.clock import new_id
from shared.observability.metrics import LOGINS

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from gateway.ports import Passwords, SignInStore, UserStore
    from shared.contracts.caller import Caller
    from shared.postgres.account_rows import AccountRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLimits:
    """How often somebody may be wrong, and how long a session lasts.

    Attributes:
        of_account: failures for one address within the window.
        of_remote: failures from one place within the window, for whatever addresses.
        window_seconds: how long failures count.
        session_seconds: after which one has to sign in again.
    """

    of_account: int
    of_remote: int
    window_seconds: float
    session_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that has begun."""

    id: UUID
    account: AccountRow
    until: datetime


class SignIn:
    """What leads to a session and out of it."""

    def __init__(
        self, *, store: SignInStore, users: UserStore, passwords: Passwords, limits: SignInLimits
    ) -> None:
        self._store = store
        self._users = users
        self._passwords = passwords
        self._limits = limits

    async def begin(self, *, email: str, password: str, tenant: str | None, remote: str) -> Session:
        """Open a session. Whether the address is known makes no difference that could be told from outside.

        Raises:
            TooManyAttemptsError: of this account or from this place; also with the right password.
            InvalidCredentialsError: nobody has this address and password (in the tenant that is named).
        """
        address = normal_email(email) or email
        keys = account_key(address, tenant), remote_key(remote)
        await self._count(keys)
        found = await self._store.accounts(address, tenant)
        # One address in two tenants: only the name of the tenant can tell which is meant.
        account = found[0] if len(found) == 1 else None
        right = await self._passwords.check(None if account is None else account.password_hash, password)
        if account is None or not right:
            LOGINS.inc("refused")
            if account is not None:
                await self._store.note_failure(account)
            raise InvalidCredentialsError
        return await self._opened(account, password, keys)

    async def _opened(self, account: AccountRow, password: str, keys: tuple[bytes, bytes]) -> Session:
        new_hash = None
        if self._passwords.is_outdated(account.password_hash):
            new_hash = await self._passwords.hash(password)
        session_id = new_id()
        until = await self._store.begin(
            session_id=session_id,
            account=account,
            seconds=self._limits.session_seconds,
            cleared=keys[0],
            taken_back=keys[1],
            new_hash=new_hash,
        )
        LOGINS.inc("accepted")
        return Session(id=session_id, account=account, until=until)

    async def _count(self, keys: tuple[bytes, bytes]) -> None:
        limits = self._limits
        counted = await self._store.attempt(keys, window_seconds=limits.window_seconds)
        most = limits.of_account, limits.of_remote
        over = [left for (failures, left), limit in zip(counted, most, strict=True) if failures > limit]
        if over:
            LOGINS.inc("throttled")
            raise TooManyAttemptsError(max(over))

    async def end(self, caller: Caller) -> None:
        """Close the caller's session; whoever comes with a token has none."""
        if caller.session_id is not None:
            await self._store.end(caller)

    async def me(self, caller: Caller) -> AccountRow:
        """The caller's account.

        Raises:
            UnauthenticatedError: accounts are switched off, or it was removed a moment ago.
        """
        account = None
        if caller.user_id is not None:
            account = await self._store.account(caller.tenant_id, caller.user_id)
        if account is None:
            raise UnauthenticatedError("Nobody has signed in.")
        return account

    async def change_password(self, caller: Caller, *, old: str, new: str, remote: str) -> None:
        """Change one's own password: it ends all other sessions.

        Raises:
            UnauthenticatedError: nobody has signed in.
            InvalidCredentialsError: the old one is not right.
            TooManyAttemptsError: that was so too often.
        """
        account = await self.me(caller)
        await self._count((account_key(account.email, account.tenant_slug), remote_key(remote)))
        if not await self._passwords.check(account.password_hash, old):
            raise InvalidCredentialsError
        await self._users.change(
            caller=caller, user_id=account.id, password_hash=await self._passwords.hash(new)
        )
