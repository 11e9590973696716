"""Tenants: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.tenants import Tenant, TenantList
from gateway.http.paging import page, wanted

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery, PageQuery
    from gateway.http.models.tenants import TenantInput, TenantPatch
    from gateway.http.route import Call
    from gateway.ports import TenantStore


class TenantHandlers:
    """Everything below /v1/tenants, for operators."""

    def __init__(self, *, tenants: TenantStore) -> None:
        self._tenants = tenants

    async def find(self, call: Call[PageQuery, NoBody]) -> TenantList:
        """GET /v1/tenants."""
        found = await self._tenants.find(wanted(call.query))
        return page(TenantList, call.query, found.items, found.total)

    async def get(self, call: Call[NoQuery, NoBody]) -> Tenant:
        """GET /v1/tenants/{id}."""
        return Tenant.model_validate(await self._tenants.get(call.ids["tenant_id"]))

    async def add(self, call: Call[NoQuery, TenantInput]) -> Tenant:
        """POST /v1/tenants."""
        body = call.body
        return Tenant.model_validate(
            await self._tenants.add(caller=call.caller, slug=body.slug, name=body.name)
        )

    async def change(self, call: Call[NoQuery, TenantPatch]) -> Tenant:
        """PATCH /v1/tenants/{id}."""
        limits = call.body.limits
        return Tenant.model_validate(
            await self._tenants.override(
                caller=call.caller,
                tenant_id=call.ids["tenant_id"],
                limits={name: getattr(limits, name) for name in limits.model_fields_set},
            )
        )

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/tenants/{id}."""
        await self._tenants.remove(caller=call.caller, tenant_id=call.ids["tenant_id"])
