"""Paths of tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.access import Access
from gateway.http.models import tenants
from gateway.http.models.common import PageQuery
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.tenants import TenantHandlers


def tenant_routes(on: TenantHandlers) -> tuple[AnyRoute, ...]:
    """Below /v1/tenants."""
    return (
        Route(
            "GET",
            "/tenants",
            on.find,
            "List tenants",
            query=PageQuery,
            answer=tenants.TenantList,
            access=Access.OPERATOR,
        ),
        Route(
            "POST",
            "/tenants",
            on.add,
            "Make a tenant",
            body=tenants.TenantInput,
            status=201,
            answer=tenants.Tenant,
            problems=("tenant_exists",),
            access=Access.OPERATOR,
        ),
        Route(
            "GET",
            "/tenants/{tenant_id}",
            on.get,
            "Show a tenant",
            answer=tenants.Tenant,
            access=Access.OPERATOR,
        ),
        Route(
            "PATCH",
            "/tenants/{tenant_id}",
            on.change,
            "Set limits of a tenant",
            body=tenants.TenantPatch,
            answer=tenants.Tenant,
            access=Access.OPERATOR,
        ),
        Route(
            "DELETE",
            "/tenants/{tenant_id}",
            on.remove,
            "Delete a tenant with all that it has: hidden at once, emptied soon",
            status=204,
            problems=("own_tenant",),
            access=Access.OPERATOR,
        ),
    )
