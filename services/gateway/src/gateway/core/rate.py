"""How often a tenant may ask: a bucket for each, which is full after a rest. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.core.errors import RefusedError

if TYPE_CHECKING:
    from uuid import UUID

#: Tenants whose buckets are remembered; beyond, the one that was silent longest is taken to have rested.
REMEMBERED: Final = 10_000


class RateLimitedError(RefusedError):
    """The tenant asks more often than it may."""

    code = "rate_limited"

    def __init__(self, rate: int, turn: Turn) -> None:
        super().__init__(
            f"More than {rate} requests a second came for this tenant, for longer than its reserve lasts: slow down."
        )
        self.turn = turn


@dataclass(frozen=True, slots=True)
class Turn:
    """What a request found.

    Attributes:
        burst: requests that a full bucket holds.
        rate: requests a second that flow into it.
        left: requests that it holds now.
        wait_seconds: until the next one may come; 0 where this one may.
    """

    burst: int
    rate: int
    left: int
    wait_seconds: float = 0.0


class Buckets:
    """One bucket for each tenant that asked lately."""

    def __init__(self, *, at_most: int = REMEMBERED) -> None:
        self._at_most = at_most
        self._buckets: OrderedDict[UUID, tuple[float, float]] = OrderedDict()
        """What each held, and when."""

    def take(self, tenant_id: UUID, *, now: float, rate: int, burst: int) -> Turn:
        """Take one out.

        Args:
            tenant_id: whose.
            now: in seconds, of a clock that never goes back.
            rate: requests a second.
            burst: what it holds at most.
        """
        held, then = self._buckets.pop(tenant_id, (float(burst), now))
        held = min(float(burst), held + (now - then) * rate)
        taken = held >= 1.0
        self._buckets[tenant_id] = (held - taken, now)
        while len(self._buckets) > self._at_most:
            self._buckets.popitem(last=False)
        if taken:
            return Turn(burst, rate, int(held - 1.0))
        return Turn(burst, rate, 0, (1.0 - held) / rate)
