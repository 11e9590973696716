"""What tenants may use, remembered for some seconds: asked for by every request."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from gateway.ports import LimitReader
    from shared.limits import TenantLimits

_REMEMBERED: Final = 10_000


class Allowances:
    """The limits of tenants; a change by an operator counts after ``keep_seconds``."""

    def __init__(
        self,
        *,
        reader: LimitReader,
        defaults: TenantLimits,
        clock: Callable[[], float],
        keep_seconds: float = 10.0,
    ) -> None:
        """``defaults`` count for a tenant that nothing is known of while Postgres is away; ``clock`` in seconds."""
        self._reader = reader
        self._defaults = defaults
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._known: OrderedDict[UUID, tuple[TenantLimits, float]] = OrderedDict()

    async def allowed(self, tenant_id: UUID) -> TenantLimits:
        """The limits of a tenant. Never raises: what was known last counts while Postgres is away."""
        known = self._known.get(tenant_id)
        now = self._clock()
        if known is not None and now < known[1]:
            return known[0]
        limits = known[0] if known is not None else self._defaults
        # Noted before it is asked for: of many requests at once, one asks anew.
        self._note(tenant_id, limits, now)
        try:
            limits = await self._reader.allowed(tenant_id)
        except DependencyUnavailableError:
            return limits
        self._note(tenant_id, limits, now)
        return limits

    def _note(self, tenant_id: UUID, limits: TenantLimits, now: float) -> None:
        self._known[tenant_id] = (limits, now + self._keep_seconds)
        self._known.move_to_end(tenant_id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
