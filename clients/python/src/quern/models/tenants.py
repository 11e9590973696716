"""Shapes of tenants."""

from datetime import datetime
from uuid import UUID

from quern.models.common import Model


class Tenant(Model):
    """A tenant with what it has; ``limits`` are those that an operator has set."""

    id: UUID
    slug: str
    name: str
    limits: dict[str, int]
    created_at: datetime
    sources: int
    documents: int
    in_flight: int
    stored_bytes: int
