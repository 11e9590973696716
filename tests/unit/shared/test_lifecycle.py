from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from shared.errors import DependencyUnavailableError
from shared.lifecycle import ExitCode, Lifecycle, run_service, unattended, wait_or_stop
from shared.periodic import Periodic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A service leaves the signals ignored: its process ends. This one does not."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@asynccontextmanager
async def part(name: str, log: list[str]) -> AsyncIterator[str]:
    log.append(f"+{name}")
    yield name
    log.append(f"-{name}")


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def test_waiting_ends_with_the_time_or_with_the_stop() -> None:
    stop = asyncio.Event()
    assert not await wait_or_stop(stop, 0.001)
    assert not await wait_or_stop(stop, 0)
    waiting = asyncio.create_task(wait_or_stop(stop, 60))
    stop.set()
    assert await waiting
    assert await wait_or_stop(stop, 0)


def test_parts_stop_in_the_opposite_order_after_a_signal() -> None:
    log: list[str] = []

    async def main(life: Lifecycle) -> None:
        assert await life.enter(part("pool", log)) == "pool"
        await life.enter(part("queue", log))

        async def drain() -> None:
            log.append("drain")

        life.on_stop(drain)
        asyncio.get_running_loop().call_soon(terminate)
        asyncio.get_running_loop().call_soon(terminate)  # a second one is harmless

    assert run_service(main) == ExitCode.GRACEFUL
    assert log == ["+pool", "+queue", "drain", "-queue", "-pool"]


def test_a_background_task_that_dies_takes_the_service_down() -> None:
    log: list[str] = []

    async def die() -> None:
        raise RuntimeError("out of ideas")

    async def main(life: Lifecycle) -> None:
        await life.enter(part("pool", log))
        life.supervise("loop", die())

    with capture_logs() as logged:
        assert run_service(main) == ExitCode.CRASHED
    assert log == ["+pool", "-pool"]
    (death,) = [line for line in logged if line["event"] == "background_task_died"]
    assert death["task"] == "loop"
    assert str(death["exc_info"]) == "out of ideas"


def test_a_background_task_that_just_returns_has_died_as_well() -> None:
    async def end() -> None:
        """Too early."""

    async def main(life: Lifecycle) -> None:
        life.supervise("loop", end())

    assert run_service(main) == ExitCode.CRASHED


def test_background_tasks_end_by_themselves_or_are_cancelled() -> None:
    log: list[str] = []

    async def main(life: Lifecycle) -> None:
        async def polite() -> None:
            await life.stop.wait()
            await asyncio.sleep(0)
            log.append("polite")

        async def deaf() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                log.append("deaf")

        life.supervise("polite", polite())
        life.supervise("deaf", deaf(), patience_seconds=0.01)
        asyncio.get_running_loop().call_soon(terminate)

    assert run_service(main) == ExitCode.GRACEFUL
    assert sorted(log) == ["deaf", "polite"]


def test_a_start_that_fails_stops_what_was_started() -> None:
    log: list[str] = []

    async def main(life: Lifecycle) -> None:
        await life.enter(part("pool", log))
        raise DependencyUnavailableError("postgres", "is not there")

    with capture_logs() as logged:
        assert run_service(main) == ExitCode.CRASHED
    assert log == ["+pool", "-pool"]
    assert "service_failed_to_start" in [line["event"] for line in logged]


def test_a_signal_during_the_start_ends_it() -> None:
    log: list[str] = []

    async def main(life: Lifecycle) -> None:
        await life.enter(part("pool", log))
        asyncio.get_running_loop().call_soon(terminate)
        await asyncio.Event().wait()

    assert run_service(main) == ExitCode.GRACEFUL
    assert log == ["+pool", "-pool"]


def test_bad_settings_are_told_in_sentences_without_their_values(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from shared.settings import NsqSettings  # noqa: PLC0415  (read as a service reads them)

    monkeypatch.setenv("QUERN_NSQD_HTTP", "hunter2")
    monkeypatch.setenv("QUERN_MSG_TIMEOUT_SECONDS", "soon")

    async def main(_: Lifecycle) -> None:
        NsqSettings()

    assert run_service(main) == ExitCode.BAD_SETTINGS
    told = capsys.readouterr().err
    assert told.splitlines()[0] == "The settings are not usable:"
    assert "QUERN_NSQD_HTTP: " in told
    assert "QUERN_MSG_TIMEOUT_SECONDS: " in told
    assert "hunter2" not in told
    assert "TOUCH" not in told  # it only follows another one


def test_a_stop_that_takes_too_long_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.lifecycle.CLOSE_SECONDS", 0.01)

    async def main(life: Lifecycle) -> None:
        life.grace_seconds = 0.01

        async def hang() -> None:
            await asyncio.Event().wait()

        life.on_stop(hang)
        asyncio.get_running_loop().call_soon(terminate)

    assert run_service(main) == ExitCode.GRACE_EXCEEDED
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_even_a_thread_that_never_returns_cannot_keep_the_process() -> None:
    service = textwrap.dedent("""
        import asyncio, os, signal, sys, threading
        from shared import lifecycle

        lifecycle.CLOSE_SECONDS = lifecycle.HARD_EXIT_SECONDS = 0.05

        async def main(life):
            life.grace_seconds = 0.05
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)

        sys.exit(lifecycle.run_service(main))
    """)
    ended = subprocess.run([sys.executable, "-c", service], capture_output=True, timeout=30, check=False)
    assert ended.returncode == ExitCode.GRACE_EXCEEDED, ended.stderr


def test_parts_that_are_stopped_one_after_the_other_share_the_grace() -> None:
    left: list[float] = []
    grace = 0.3

    async def main(life: Lifecycle) -> None:
        life.grace_seconds = grace
        left.append(life.grace_left)

        async def take_all() -> None:
            await asyncio.sleep(life.grace_left)

        async def look() -> None:
            left.append(life.grace_left)

        life.on_stop(look)
        life.supervise("deaf", asyncio.sleep(3600), patience_seconds=3600)
        life.on_stop(take_all)
        asyncio.get_running_loop().call_soon(terminate)

    began = time.monotonic()
    assert run_service(main) == ExitCode.GRACEFUL
    assert left[0] == grace
    assert left[1] < 0.1 * grace
    assert time.monotonic() - began < grace + 1.5


def test_a_task_that_goes_on_after_its_cancellation_is_cancelled_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.lifecycle._CANCEL_SECONDS", 0.05)
    log: list[str] = []

    async def main(life: Lifecycle) -> None:
        async def tidy_for_ever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                log.append("tidying")
                await asyncio.Event().wait()

        life.supervise("tidy", tidy_for_ever(), patience_seconds=0.01)
        asyncio.get_running_loop().call_soon(terminate)

    assert run_service(main) == ExitCode.GRACEFUL
    assert log == ["tidying"]


SERVICE = textwrap.dedent("""
    import asyncio, os, signal, sys
    from shared.starting import heed_signals

    heed_signals()
    {loading}
    from shared.lifecycle import run_service

    async def main(life):
        async def close():
            {closing}

        life.on_stop(close)
        os.kill(os.getpid(), signal.SIGTERM)

    code = run_service(main)
    {ending}
    sys.exit(code)
""")
TERMINATE, INTERRUPT = "os.kill(os.getpid(), signal.SIGTERM)", "os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize("number", [TERMINATE, INTERRUPT])
@pytest.mark.parametrize("when", ["loading", "closing", "ending"])
def test_no_signal_at_any_time_makes_a_stop_look_like_a_crash(when: str, number: str) -> None:
    moments = dict.fromkeys(("loading", "closing", "ending"), "pass") | {when: number}
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE.format(**moments)], capture_output=True, timeout=30, check=False
    )
    assert ended.returncode == ExitCode.GRACEFUL, ended.stderr


# Periodic


class Turns:
    """A task that fails as it is told, and stops its loop after the last one."""

    def __init__(self, *results: Mapping[str, int] | Exception) -> None:
        self.results = list(results)
        self.stop = asyncio.Event()
        self.taken = 0

    async def run_once(self) -> Mapping[str, int]:
        result = self.results[self.taken]
        self.taken += 1
        if self.taken == len(self.results):
            self.stop.set()
        if isinstance(result, Exception):
            raise result
        return result


async def test_a_periodic_task_survives_every_bad_turn() -> None:
    turns = Turns(
        {"jobs": 0},
        ValueError("odd"),
        DependencyUnavailableError("postgres", "gone"),
        TimeoutError(),
        {"jobs": 3},
    )
    recorded: list[tuple[str, Mapping[str, int]]] = []
    periodic = Periodic(
        name="reclaim_jobs",
        run_once=turns.run_once,
        period_seconds=0.001,
        timeout_seconds=1.0,
        max_backoff_seconds=0.002,
        record=lambda name, _seconds, changes: recorded.append((name, changes)),
    )
    with capture_logs() as logged:
        await asyncio.wait_for(periodic.run(turns.stop), 10)
    assert turns.taken == 5
    assert recorded == [("reclaim_jobs", {"jobs": 0}), ("reclaim_jobs", {"jobs": 3})]
    assert [
        (line["log_level"], line["event"]) for line in logged
    ] == [  # a turn that changed nothing says nothing
        ("error", "periodic_task_failed"),
        ("debug", "periodic_task_waits"),
        ("debug", "periodic_task_timed_out"),
        ("info", "periodic_task_recovered"),
        ("info", "periodic_task_changed"),
    ]


async def test_an_outage_is_told_at_its_first_turn() -> None:
    turns = Turns(
        DependencyUnavailableError("postgres", "gone"), DependencyUnavailableError("postgres", "gone")
    )
    periodic = Periodic(
        name="x",
        run_once=turns.run_once,
        period_seconds=0.001,
        timeout_seconds=1.0,
        max_backoff_seconds=0.002,
    )
    with capture_logs() as logged:
        await asyncio.wait_for(periodic.run(turns.stop), 10)
    assert [line["log_level"] for line in logged] == ["warning", "debug"]


async def test_a_periodic_task_that_hangs_is_cancelled() -> None:
    cancelled = asyncio.Event()
    stop = asyncio.Event()

    async def hang() -> Mapping[str, int]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
            stop.set()
        return {}

    periodic = Periodic(name="hang", run_once=hang, period_seconds=0.001, timeout_seconds=0.01)
    await asyncio.wait_for(periodic.run(stop), 10)
    assert cancelled.is_set()


async def test_a_stop_is_heard_while_waiting() -> None:
    async def never() -> Mapping[str, int]:
        raise AssertionError("not within the first hour")

    stop = asyncio.Event()
    periodic = Periodic(name="x", run_once=never, period_seconds=1e9, timeout_seconds=1.0)
    running = asyncio.create_task(periodic.run(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_an_abandoned_connection_that_ends_is_no_alarm_but_a_mistake_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    unattended(loop, {"message": "never retrieved", "exception": ConnectionError("gone"), "future": future})
    assert not caplog.records
    unattended(loop, {"message": "never retrieved", "exception": ValueError("a mistake"), "future": future})
    assert [record.levelname for record in caplog.records] == ["ERROR"]
