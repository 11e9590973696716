from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from gateway.core.rate import Buckets, RateLimitedError
from gateway.http.problems import refusal
from gateway.http.throttle import Throttle
from gateway.usecases.allowances import Allowances
from shared.limits import UNLIMITED
from shared.postgres.errors import PostgresUnavailableError
from unit.gateway.rows import CALLER

if TYPE_CHECKING:
    from shared.limits import TenantLimits
    from shared.postgres.limits import TenantUsage

ONE, OTHER = UUID(int=1), UUID(int=2)
LIMITS = UNLIMITED.overridden({"requests_per_second": 2, "requests_burst": 4})


class Reader:
    """Rows of limits, and how often they were read."""

    def __init__(self, limits: TenantLimits) -> None:
        self.limits = limits
        self.reads = 0
        self.down = False

    async def allowed(self, tenant_id: UUID) -> TenantLimits:
        self.reads += 1
        if self.down:
            raise PostgresUnavailableError(ConnectionError("away"))
        return self.limits

    async def used(self, tenant_id: UUID) -> TenantUsage:
        raise NotImplementedError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets()
    turns = [buckets.take(ONE, now=0.0, rate=2, burst=4) for _ in range(6)]
    assert [turn.left for turn in turns] == [3, 2, 1, 0, 0, 0]
    assert [turn.wait_seconds for turn in turns] == [0, 0, 0, 0, 0.5, 0.5]
    assert buckets.take(ONE, now=0.25, rate=2, burst=4).wait_seconds == pytest.approx(0.25)
    assert buckets.take(ONE, now=0.5, rate=2, burst=4).wait_seconds == 0
    taken = sum(buckets.take(ONE, now=0.5 + n / 100, rate=2, burst=4).wait_seconds == 0 for n in range(1000))
    assert taken == 19, "two a second for less than ten seconds, however many come"
    assert buckets.take(ONE, now=1000.0, rate=2, burst=4).left == 3, "never more than its burst"


def test_tenants_do_not_take_from_each_other() -> None:
    buckets = Buckets()
    for _ in range(5):
        buckets.take(ONE, now=0.0, rate=1, burst=4)
    assert buckets.take(OTHER, now=0.0, rate=1, burst=4).left == 3


def test_only_so_many_buckets_are_remembered() -> None:
    buckets = Buckets(at_most=10)
    for number in range(100):
        buckets.take(UUID(int=number), now=0.0, rate=1, burst=4)
    assert len(buckets._buckets) == 10


async def test_limits_are_read_now_and_then_and_the_last_known_count_while_postgres_is_away() -> None:
    clock, reader = Clock(), Reader(LIMITS)
    allowances = Allowances(reader=reader, defaults=UNLIMITED, clock=clock, keep_seconds=10.0)
    reader.down = True
    assert await allowances.allowed(ONE) == UNLIMITED
    reader.down = False
    clock.now += 11
    for _ in range(5):
        assert await allowances.allowed(ONE) == LIMITS
    assert reader.reads == 2
    reader.down = True
    clock.now += 11
    assert await allowances.allowed(ONE) == LIMITS


async def test_whoever_asks_too_often_is_told_when_to_come_again() -> None:
    clock = Clock()
    allowances = Allowances(reader=Reader(LIMITS), defaults=UNLIMITED, clock=clock)
    throttle = Throttle(allowances=allowances, clock=clock)
    headers = [await throttle.admit(CALLER) for _ in range(4)]
    assert headers[0] == {"RateLimit-Policy": '"tenant";q=4;w=2', "RateLimit": '"tenant";r=3;t=1'}
    assert headers[3]["RateLimit"] == '"tenant";r=0;t=2'
    with pytest.raises(RateLimitedError) as refused:
        await throttle.admit(CALLER)
    told = refusal(refused.value)
    assert told is not None
    assert (told.status, told.code, told.headers["Retry-After"]) == (429, "rate_limited", "1")
    assert told.headers["RateLimit"] == '"tenant";r=0;t=2'
    clock.now += 0.5
    assert await throttle.admit(CALLER)
