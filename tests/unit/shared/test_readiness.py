from __future__ import annotations

import asyncio
import time

import pytest

from shared.observability import metrics
from shared.observability.readiness import Readiness, ReadOnly


class Hanging:
    """A check of a server that froze; it may ignore being told to end."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.asked = 0
        self.at_work = 0
        self.answers = asyncio.Event()
        self._stubborn = stubborn

    async def check(self) -> str | None:
        self.asked += 1
        self.at_work += 1
        try:
            while not self.answers.is_set():
                try:
                    await self.answers.wait()
                except asyncio.CancelledError:
                    if not self._stubborn:
                        raise
        finally:
            self.at_work -= 1
        return None


async def fine() -> str | None:
    return None


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_check_that_hangs_holds_up_nobody_and_does_not_pile_up(*, stubborn: bool) -> None:
    readiness = Readiness(period_seconds=0.01, timeout_seconds=0.02)
    hanging = Hanging(stubborn=stubborn)
    readiness.register("postgres", hanging.check)
    readiness.register("nsqd", fine)
    for _ in range(5):
        started = time.monotonic()
        await readiness.check_all()
        assert time.monotonic() - started < 0.5
        assert hanging.at_work <= 1
    assert not readiness.ready
    assert readiness.missed() == ["postgres"]
    assert "no answer within" in readiness.states()["postgres"].detail
    assert readiness.is_up("nsqd")
    hanging.answers.set()
    async with asyncio.timeout(5):
        while not readiness.ready:
            await readiness.check_all()


async def test_what_is_read_only_answers_but_keeps_the_service_from_being_ready() -> None:
    async def read_only() -> str | None:
        return ReadOnly("Postgres is read-only.")

    readiness = Readiness(period_seconds=1.0, timeout_seconds=1.0)
    readiness.register("postgres", read_only)
    await readiness.check_all()
    state = readiness.states()["postgres"]
    assert (state.status, state.read_only, state.blocks) == ("degraded", True, True)
    assert not readiness.ready
    assert readiness.is_up("postgres"), "what only reads goes on"
    assert metrics.DEPENDENCY_READ_ONLY.child(("postgres",))._value.get() == 1
    assert metrics.DEPENDENCY_UP.child(("postgres",))._value.get() == 1


async def test_settled_means_that_everybody_had_the_time_to_come_back() -> None:
    readiness = Readiness(period_seconds=1.0, timeout_seconds=1.0)
    readiness.register("postgres", fine)
    assert not readiness.settled("postgres", 0.0), "nobody has looked yet"
    await readiness.check_all()
    assert not readiness.settled("postgres", 60.0)
    assert readiness.settled("postgres", 0.0)


async def test_while_something_is_down_it_looks_more_often_but_not_for_ever() -> None:
    async def down() -> str | None:
        raise OSError("gone")

    readiness = Readiness(period_seconds=8.0, timeout_seconds=1.0)
    readiness.register("postgres", down)
    await readiness.check_all()
    pauses = [readiness._pause_seconds() for _ in range(40)]
    assert all(0.45 <= pause <= 0.55 for pause in pauses[:6])
    assert all(7.2 <= pause <= 8.8 for pause in pauses[-6:])
    assert len({round(pause, 6) for pause in pauses}) > 30, "in step with every other service"
