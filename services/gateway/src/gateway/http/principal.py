"""On whose behalf a request comes: decided here and nowhere else, never by what a client says in a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.tenancy import ANONYMOUS, DEFAULT_TENANT_ID, DEFAULT_TENANT_SLUG
from shared.contracts.caller import Caller

if TYPE_CHECKING:
    from aiohttp import web


class OneTenant:
    """Everybody is the anonymous user of the default tenant."""

    def __call__(self, _request: web.BaseRequest, request_id: str, /) -> Caller:
        """The caller."""
        return Caller(
            tenant_id=DEFAULT_TENANT_ID,
            tenant_slug=DEFAULT_TENANT_SLUG,
            actor=ANONYMOUS,
            request_id=request_id,
        )
