"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The principal of a request: set by one middleware, never taken from a payload.

    Attributes:
        tenant_id: whose data it may see.
        tenant_slug: the same tenant's name in Weaviate.
        actor: who acts, for the audit log.
        request_id: found again in every service's logs for the work that this request causes.
    """

    tenant_id: UUID
    tenant_slug: str
    actor: str
    request_id: str
