"""On whose behalf a request comes: decided here and nowhere else, never by what a client says in a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.tenancy import ANONYMOUS, DEFAULT_TENANT_ID, DEFAULT_TENANT_SLUG
from shared.contracts.caller import Caller, Role

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.core.access import Access


class OneTenant:
    """Without accounts everybody is the anonymous admin of the default tenant, and operator."""

    async def __call__(self, _request: web.BaseRequest, request_id: str, _access: Access, /) -> Caller:
        """The caller."""
        return Caller(
            tenant_id=DEFAULT_TENANT_ID,
            tenant_slug=DEFAULT_TENANT_SLUG,
            actor=ANONYMOUS,
            request_id=request_id,
            role=Role.ADMIN,
            is_operator=True,
        )
