"""Users and API tokens."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from gateway.core.accounts import token_hash, token_of
from gateway.core.errors import ForbiddenError, InvalidRequestError
from shared.clock import new_id
from shared.contracts.caller import Role

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from gateway.ports import Passwords, TokenStore, UserStore
    from shared.contracts.caller import Caller
    from shared.postgres.account_rows import TokenRow, UserRow

_RANDOM_BYTES = 32


class Accounts:
    """What admins do with users, and everybody with tokens."""

    def __init__(self, *, users: UserStore, tokens: TokenStore, passwords: Passwords) -> None:
        self._users = users
        self._tokens = tokens
        self._passwords = passwords

    async def add_user(
        self, caller: Caller, *, email: str, password: str, role: Role, tenant: str | None
    ) -> UserRow:
        """Add a user, to another tenant where an operator names one.

        Raises:
            ForbiddenError: the caller names a tenant and is no operator.
            NotFoundError, UserExistsError: as the store.
        """
        if tenant is not None and tenant != caller.tenant_slug and not caller.is_operator:
            raise ForbiddenError("Only operators may add users to another tenant.")
        return await self._users.add(
            caller=caller,
            user_id=new_id(),
            tenant_slug=None if tenant == caller.tenant_slug else tenant,
            email=email,
            password_hash=await self._passwords.hash(password),
            role=role,
        )

    async def change_user(
        self, caller: Caller, user_id: UUID, *, role: Role | None, password: str | None
    ) -> UserRow:
        """Change a user's role or password.

        Raises:
            NotFoundError, OperatorOnlyError, LastAdminError: as the store.
        """
        password_hash = None if password is None else await self._passwords.hash(password)
        return await self._users.change(
            caller=caller, user_id=user_id, role=role, password_hash=password_hash
        )

    async def remove_user(self, caller: Caller, user_id: UUID) -> None:
        """Remove a user.

        Raises:
            NotFoundError, OperatorOnlyError, LastAdminError: as the store.
        """
        await self._users.remove(caller=caller, user_id=user_id)

    async def add_token(
        self, caller: Caller, *, name: str, role: Role | None, expires_at: datetime | None
    ) -> tuple[TokenRow, str]:
        """Make a token; the row and the secret, which is shown this once.

        Raises:
            ForbiddenError: accounts are switched off, or the role is more than the caller's.
            TooManyTokensError: as the store.
        """
        if caller.user_id is None:
            raise ForbiddenError("Accounts are switched off here, and so are tokens.")
        if role is Role.ADMIN and caller.role is not Role.ADMIN:
            raise InvalidRequestError.at("body", "role", msg="must not be more than your own role")
        secret = token_of(secrets.token_urlsafe(_RANDOM_BYTES))
        kept = token_hash(secret)
        if kept is None:
            raise AssertionError("a new token has the form of a token")
        row = await self._tokens.add(
            caller=caller,
            token_id=new_id(),
            name=name,
            secret_hash=kept,
            role=role or caller.role,
            expires_at=expires_at,
        )
        return row, secret
