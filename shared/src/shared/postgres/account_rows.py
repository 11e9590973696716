"""What the tables of accounts give: frozen rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """A user with what signing in needs."""

    id: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    email: str
    role: str
    is_operator: bool
    created_at: datetime
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRow:
    """Who a session or a token belongs to, as it is now."""

    user_id: UUID
    tenant_id: UUID
    tenant_slug: str
    email: str
    role: str
    is_operator: bool
    session_id: UUID | None
    token_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A user as others see it."""

    id: UUID
    email: str
    role: str
    is_operator: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """An API token without its secret."""

    id: UUID
    name: str
    role: str
    owner: str
    user_id: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what to what."""

    id: int
    ts: datetime
    actor: str
    action: str
    target: str
    outcome: str
    detail: Mapping[str, Any]
