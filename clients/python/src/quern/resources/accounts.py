"""Signing in, users, API tokens, and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quern.models.accounts import AuditEntry, Me, SignedIn, Token, TokenMade, User
from quern.models.common import Page

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from quern.models.accounts import Role
    from quern.transport import Transport


class Auth:
    """``/v1/auth``: a session lives in this client's cookies."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def login(self, email: str, password: str, *, tenant: str | None = None) -> Me:
        """Sign in with this client; ``tenant`` is needed where several know the address."""
        body = {"email": email, "password": password} | ({} if tenant is None else {"tenant": tenant})
        return (await self._transport.send(SignedIn, "POST", "/v1/auth/login", body=body)).user

    async def logout(self) -> None:
        """Sign out."""
        await self._transport.send_empty("POST", "/v1/auth/logout")

    async def me(self) -> Me:
        """Who has signed in."""
        return await self._transport.get(Me, "/v1/auth/me")

    async def change_password(self, password: str, new_password: str) -> None:
        """Change one's own password: it ends all other sessions."""
        body = {"password": password, "new_password": new_password}
        await self._transport.send_empty("POST", "/v1/auth/password", body=body)


class Users:
    """``/v1/users``, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(self, *, limit: int = 50, offset: int = 0) -> Page[User]:
        """Users, newest first."""
        return await self._transport.get(Page[User], "/v1/users", {"limit": limit, "offset": offset})

    async def get(self, user_id: UUID) -> User:
        """One user."""
        return await self._transport.get(User, f"/v1/users/{user_id}")

    async def add(self, email: str, password: str, *, role: Role = "user", tenant: str | None = None) -> User:
        """Add a user; ``tenant`` names another tenant, for operators."""
        body = {"email": email, "password": password, "role": role}
        body |= {} if tenant is None else {"tenant": tenant}
        return await self._transport.send(User, "POST", "/v1/users", body=body)

    async def change(self, user_id: UUID, *, role: Role | None = None, password: str | None = None) -> User:
        """Change a role or a password."""
        given = {"role": role, "password": password}
        body = {name: value for name, value in given.items() if value is not None}
        return await self._transport.send(User, "PATCH", f"/v1/users/{user_id}", body=body)

    async def remove(self, user_id: UUID) -> None:
        """Remove a user with its sessions and tokens."""
        await self._transport.send_empty("DELETE", f"/v1/users/{user_id}")


class Tokens:
    """``/v1/tokens``: one's own, or as an admin those of the tenant."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(self, *, limit: int = 50, offset: int = 0) -> Page[Token]:
        """Tokens, newest first."""
        return await self._transport.get(Page[Token], "/v1/tokens", {"limit": limit, "offset": offset})

    async def add(
        self, name: str, *, role: Role | None = None, expires_at: datetime | None = None
    ) -> TokenMade:
        """Make a token; its secret is in this answer alone."""
        body: dict[str, Any] = {"name": name}
        body |= {} if role is None else {"role": role}
        body |= {} if expires_at is None else {"expires_at": expires_at.isoformat()}
        return await self._transport.send(TokenMade, "POST", "/v1/tokens", body=body)

    async def remove(self, token_id: UUID) -> None:
        """Revoke a token, and those that it made."""
        await self._transport.send_empty("DELETE", f"/v1/tokens/{token_id}")


class AuditLog:
    """``/v1/audit``, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(
        self, *, action: str | None = None, actor: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[AuditEntry]:
        """Who did what to what, newest first."""
        params = {"action": action, "actor": actor, "limit": limit, "offset": offset}
        return await self._transport.get(Page[AuditEntry], "/v1/audit", params)
