"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


class Role(StrEnum):
    """What somebody may do within a tenant; an admin may do all that a user may."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The principal of a request: set by one middleware, never taken from a payload.

    Attributes:
        tenant_id: whose data it may see.
        tenant_slug: the same tenant's name in Weaviate.
        actor: who acts, for the audit log.
        request_id: found again in every service's logs for the work that this request causes.
        user_id: None where accounts are switched off, or nobody has signed in.
        role: what it may do; of an API token its own or its owner's, whichever is less.
        is_operator: whether it may look after the whole installation.
        session_id: the session that the request belongs to, if any.
        token_id: the API token that it came with, if any.
        signed_in: False for a stranger at a page that is shown to everybody.
    """

    tenant_id: UUID
    tenant_slug: str
    actor: str
    request_id: str
    user_id: UUID | None = None
    role: Role = Role.USER
    is_operator: bool = False
    session_id: UUID | None = None
    token_id: UUID | None = None
    signed_in: bool = True
