"""Requests per second of each tenant, told in the headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gateway.core.rate import Buckets, RateLimitedError, Turn
from shared.observability.metrics import LIMIT_REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.usecases.allowances import Allowances
    from shared.contracts.caller import Caller


class Throttle:
    """Admits requests. Each gateway counts for itself: what several admit together is as many times as much."""

    def __init__(self, *, allowances: Allowances, clock: Callable[[], float]) -> None:
        """``clock``: in seconds, never goes back."""
        self._allowances = allowances
        self._clock = clock
        self._buckets = Buckets()

    async def admit(self, caller: Caller) -> dict[str, str]:
        """Headers for the answer.

        Raises:
            RateLimitedError: the tenant asks too often.
        """
        limits = await self._allowances.allowed(caller.tenant_id)
        rate = limits.requests_per_second
        turn = self._buckets.take(
            caller.tenant_id, now=self._clock(), rate=rate, burst=max(rate, limits.requests_burst)
        )
        if turn.wait_seconds > 0:
            LIMIT_REFUSALS.inc("requests")
            raise RateLimitedError(rate, turn)
        return headers_of(turn)


def headers_of(turn: Turn) -> dict[str, str]:
    """``RateLimit-Policy`` says what a full bucket holds and how long it takes to fill, ``RateLimit`` what is left."""
    window = math.ceil(turn.burst / turn.rate)
    reset = max(1, math.ceil((turn.burst - turn.left) / turn.rate)) if turn.left < turn.burst else 0
    return {
        "RateLimit-Policy": f'"tenant";q={turn.burst};w={window}',
        "RateLimit": f'"tenant";r={turn.left};t={reset}',
    }


def refused_headers(error: RateLimitedError) -> dict[str, str]:
    """Those, and when to come again, in whole seconds."""
    return {**headers_of(error.turn), "Retry-After": str(max(1, math.ceil(error.turn.wait_seconds)))}
