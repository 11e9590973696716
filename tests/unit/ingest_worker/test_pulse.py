from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from ingest_worker import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Claims:
    def __init__(self, unstored: int) -> None:
        self.results = unstored

    async def unstored(self) -> int:
        return self.results


class Handler:
    def __init__(self) -> None:
        self.settled = 0

    async def settle(self) -> int:
        self.settled += 1
        return 0


class Consumer:
    in_flight = 1

    def __init__(self) -> None:
        self.paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Parser:
    busy = 1
    pids = (1, 2)


@pytest.mark.parametrize(("unstored", "paused"), [(0, False), (10, False), (11, True)])
async def test_a_worker_takes_nothing_while_too_many_results_wait_to_be_stored(
    unstored: int, *, paused: bool
) -> None:
    claims, consumer, handler = Claims(unstored), Consumer(), Handler()
    parts: dict[str, Any] = {"claims": claims, "consumer": consumer, "handler": handler, "parser": Parser()}
    pulse = cast("Callable[[], Awaitable[None]]", app._Pulse(**parts, slots=4, unstored_max=10))
    await pulse()
    assert consumer.paused is paused
    claims.results = 0
    await pulse()
    assert not consumer.paused
    assert handler.settled == 2, "with each sign of life"
