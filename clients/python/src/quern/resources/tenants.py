"""Tenants, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.models.common import Page
from quern.models.tenants import Tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from quern.transport import Transport


class Tenants:
    """``/v1/tenants``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(self, *, limit: int = 50, offset: int = 0) -> Page[Tenant]:
        """Tenants, newest first."""
        return await self._transport.get(Page[Tenant], "/v1/tenants", {"limit": limit, "offset": offset})

    async def get(self, tenant_id: UUID) -> Tenant:
        """One tenant."""
        return await self._transport.get(Tenant, f"/v1/tenants/{tenant_id}")

    async def add(self, slug: str, name: str) -> Tenant:
        """Make a tenant; its slug is never used again."""
        return await self._transport.send(Tenant, "POST", "/v1/tenants", body={"slug": slug, "name": name})

    async def limit(self, tenant_id: UUID, limits: Mapping[str, int | None]) -> Tenant:
        """Set limits by name; None takes one back to what the settings say."""
        body = {"limits": dict(limits)}
        return await self._transport.send(Tenant, "PATCH", f"/v1/tenants/{tenant_id}", body=body)

    async def remove(self, tenant_id: UUID) -> None:
        """Delete a tenant with all that it has."""
        await self._transport.send_empty("DELETE", f"/v1/tenants/{tenant_id}")
