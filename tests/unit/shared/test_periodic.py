from __future__ import annotations

import asyncio
import time
from typing import Literal

from structlog.testing import capture_logs

from shared.errors import DependencyUnavailableError
from shared.periodic import Periodic


class Task:
    """Fails so often, then works."""

    def __init__(self, failures: int, error: BaseException) -> None:
        self.failures = failures
        self.error = error
        self.turns: list[float] = []
        self.worked = asyncio.Event()

    async def run_once(self) -> dict[str, int]:
        self.turns.append(time.monotonic())
        if len(self.turns) <= self.failures:
            raise self.error
        self.worked.set()
        return {"changed": 0}


async def turns(task: Task, *, max_backoff_seconds: float) -> tuple[list[float], list[str]]:
    """The pauses between the turns until one worked, and what was told at info and above."""
    stop = asyncio.Event()
    periodic = Periodic(
        name="test_turns",
        run_once=task.run_once,
        period_seconds=0.02,
        timeout_seconds=5.0,
        max_backoff_seconds=max_backoff_seconds,
    )
    with capture_logs() as log:
        running = asyncio.create_task(periodic.run(stop))
        async with asyncio.timeout(10):
            await task.worked.wait()
        stop.set()
        await running
    pauses = [later - sooner for sooner, later in zip(task.turns, task.turns[1:], strict=False)]
    return pauses, [line["event"] for line in log if line["log_level"] != "debug"]


async def test_an_outage_is_waited_for_longer_and_longer_and_told_twice() -> None:
    task = Task(5, DependencyUnavailableError("postgres", "gone"))
    pauses, told = await turns(task, max_backoff_seconds=0.2)
    for pause, least in zip(pauses, [0.04, 0.08, 0.16, 0.2, 0.2], strict=True):
        assert pause >= least * 0.85
    assert told == ["periodic_task_waits", "periodic_task_recovered"]


async def test_a_turn_that_hangs_is_cut_off() -> None:
    stop, hung = asyncio.Event(), asyncio.Event()

    async def hang() -> dict[str, int]:
        hung.set()
        await asyncio.Event().wait()
        return {}

    periodic = Periodic(name="test_hangs", run_once=hang, period_seconds=0.01, timeout_seconds=0.01)
    with capture_logs() as log:
        running = asyncio.create_task(periodic.run(stop))
        await hung.wait()
        hung.clear()
        await hung.wait()  # another turn came
        stop.set()
        await running
    assert log[0]["event"] == "periodic_task_timed_out"


async def test_a_cancellation_that_nobody_asked_for_ends_one_turn_and_not_the_task() -> None:
    task = Task(3, asyncio.CancelledError())
    _, told = await turns(task, max_backoff_seconds=0.02)
    assert told == ["periodic_task_cut_short", "periodic_task_recovered"]


async def test_a_task_that_is_asked_to_end_ends() -> None:
    begun = asyncio.Event()

    async def never() -> dict[str, int]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    periodic = Periodic(name="test_turns", run_once=never, period_seconds=0.01, timeout_seconds=60.0)
    running = asyncio.create_task(periodic.run(asyncio.Event()))
    await begun.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=10)
    assert running.cancelled()


async def test_a_cancellation_that_comes_up_between_two_turns_does_not_end_the_task_either() -> None:
    class Interrupted(asyncio.Event):
        """Its first wait is given up by nobody."""

        interruptions = 1

        async def wait(self) -> Literal[True]:
            if self.interruptions:
                self.interruptions -= 1
                raise asyncio.CancelledError
            return await super().wait()

    task, stop = Task(0, ValueError()), Interrupted()
    periodic = Periodic(name="test_turns", run_once=task.run_once, period_seconds=0.01, timeout_seconds=5.0)
    with capture_logs() as log:
        running = asyncio.create_task(periodic.run(stop))
        async with asyncio.timeout(10):
            await task.worked.wait()
        stop.set()
        await running
    assert [line["event"] for line in log] == ["periodic_task_cut_short"]
