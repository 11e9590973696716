"""Shapes of users, tokens and the audit log."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from quern.models.common import Model

Role = Literal["user", "admin"]


class TenantOfUser(Model):
    """Whose data a user sees."""

    id: UUID
    slug: str
    name: str


class Me(Model):
    """Who has signed in."""

    id: UUID
    email: str
    role: Role
    is_operator: bool
    tenant: TenantOfUser


class SignedIn(Model):
    """Who has just signed in."""

    user: Me


class User(Model):
    """A user."""

    id: UUID
    email: str
    role: Role
    is_operator: bool
    created_at: datetime
    updated_at: datetime


class Token(Model):
    """An API token without its secret."""

    id: UUID
    name: str
    role: Role
    owner: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenMade(Token):
    """The same with the secret, which is shown once."""

    token: str


class AuditEntry(Model):
    """Who did what to what."""

    id: int
    ts: datetime
    actor: str
    action: str
    target: str
    outcome: str
    detail: dict[str, Any]
