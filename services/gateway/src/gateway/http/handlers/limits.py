"""Limits: a translation and two calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.limits import AllowedLimits, Limits, UsedLimits

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.route import Call
    from gateway.ports import LimitReader


class LimitHandlers:
    """Everything below /v1/limits."""

    def __init__(self, *, limits: LimitReader) -> None:
        self._limits = limits

    async def get(self, call: Call[NoQuery, NoBody]) -> Limits:
        """GET /v1/limits."""
        tenant_id = call.caller.tenant_id
        return Limits(
            allowed=AllowedLimits.model_validate(await self._limits.allowed(tenant_id)),
            used=UsedLimits.model_validate(await self._limits.used(tenant_id)),
        )
