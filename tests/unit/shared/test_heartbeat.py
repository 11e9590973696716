from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from shared.errors import DependencyUnavailableError
from shared.heartbeat import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY = 0.2


class Rows:
    """Postgres that may be away."""

    def __init__(self) -> None:
        self.away = False
        self.beats: list[float] = []
        self.misses: list[tuple[str, ...]] = []
        self.tried = asyncio.Event()

    async def beat(self, *, slots: int = 0, waits_for: Sequence[str] = ()) -> None:
        self.tried.set()
        if self.away:
            raise DependencyUnavailableError("postgres", "gone")
        self.beats.append(time.monotonic())
        self.misses.append(tuple(waits_for))

    async def leave(self) -> None:
        if self.away:
            raise DependencyUnavailableError("postgres", "gone")


async def beating(rows: Rows, times: int) -> list[float]:
    """How long after the beginning each of so many beats came."""
    stop, started = asyncio.Event(), time.monotonic()
    heart = Heartbeat(presence=rows, every_seconds=EVERY)
    task = asyncio.create_task(heart.run(stop))
    async with asyncio.timeout(10):
        while len(rows.beats) < times:
            rows.tried.clear()
            await rows.tried.wait()
    stop.set()
    await task
    return [beat - started for beat in rows.beats]


async def test_it_beats_in_time_and_not_in_step() -> None:
    beats = await beating(Rows(), 4)
    pauses = [later - sooner for sooner, later in itertools.pairwise(beats)]
    assert all(pause >= EVERY * 0.85 for pause in pauses)
    assert len({round(pause, 4) for pause in pauses}) > 1


async def test_after_an_outage_it_is_back_sooner_than_a_beat() -> None:
    """Its lease has lapsed: what it holds is given to others unless it says that it lives."""
    rows, stop = Rows(), asyncio.Event()
    rows.away = True
    with capture_logs() as log:
        task = asyncio.create_task(Heartbeat(presence=rows, every_seconds=10.0).run(stop))
        await rows.tried.wait()
        rows.away = False
        rows.tried.clear()
        async with asyncio.timeout(5):
            await rows.tried.wait()
        stop.set()
        await task
    assert [line["event"] for line in log if line["log_level"] != "debug"] == [
        "dependency_awaited",
        "dependency_answers_again",
    ]


async def test_it_says_what_the_process_misses_and_goes_quietly_when_nobody_hears() -> None:
    rows, stop = Rows(), asyncio.Event()
    heart = Heartbeat(presence=rows, every_seconds=EVERY, misses=lambda: ["weaviate"])
    task = asyncio.create_task(heart.run(stop))
    await rows.tried.wait()
    stop.set()
    await task
    assert rows.misses[0] == ("weaviate",)
    rows.away = True
    await heart.leave()
