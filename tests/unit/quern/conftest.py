from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quern import Client
from quern.following import FollowLimits
from quern.retries import RetryPolicy
from quern.transport import Timeouts
from unit.quern.fake_gateway import FakeGateway, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as fake:
        yield fake


@pytest.fixture
async def client(gateway: FakeGateway) -> AsyncIterator[Client]:
    async with Client(
        gateway.url,
        timeouts=Timeouts(answer_seconds=5.0, silence_seconds=0.2),
        retries=RetryPolicy(base_seconds=0.01),
        follow=FollowLimits(poll_seconds=0.01, outage_seconds=0.1),
    ) as made:
        yield made
