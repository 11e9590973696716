"""How a service starts and stops: in order, once, within a time limit, with an exit code that says how it went.

A background task that ends although nobody asked it to takes the whole service down with exit code 1. The process
supervisor (supervisord, Kubernetes) starts it anew from a clean state; restarting single tasks inside a process that
has lost one would leave a half-working service that says it is well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import AsyncExitStack
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from pydantic_core import ErrorDetails

_log = structlog.get_logger(__name__)

T = TypeVar("T")

CLOSE_SECONDS = 10.0
"""What closing connections may take after work under way had its grace."""

HARD_EXIT_SECONDS = 5.0
"""After that, for threads that do not come back: asyncio and the interpreter would wait for them for ever."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_CANCEL_SECONDS = 1.5
"""What a cancelled task may take to tidy up; it is cancelled once more then."""
_LEAST_PATIENCE_SECONDS = 0.2
"""What a task that is just ending by itself gets, also where the grace is used up."""


class ExitCode(IntEnum):
    """How a service ended."""

    GRACEFUL = 0
    CRASHED = 1
    BAD_SETTINGS = 2
    GRACE_EXCEEDED = 3


async def wait_or_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep, but wake at once when the service stops; True when it does."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return stop.is_set()
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


class Lifecycle:
    """What a service's ``main`` gets: a place to start its parts, which are stopped in the opposite order.

    Attributes:
        stop: set when the service shall stop. Loops wait on it instead of sleeping.
        grace_seconds: what work under way may take to end once ``stop`` is set; ``main`` sets it from the settings.
        crashed: a part failed, so that the exit code is not 0.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.grace_seconds = 20.0
        self.crashed = False
        self._stack = AsyncExitStack()
        self._closing_at: float | None = None

    @property
    def grace_left(self) -> float:
        """What is left of the grace, in seconds: parts that are stopped one after the other share it."""
        if self._closing_at is None:
            return self.grace_seconds
        return max(0.0, self._closing_at + self.grace_seconds - asyncio.get_running_loop().time())

    async def enter(self, component: AbstractAsyncContextManager[T]) -> T:
        """Start a part; it is left when the service stops."""
        return await self._stack.enter_async_context(component)

    def on_stop(self, close: Callable[[], Awaitable[object]]) -> None:
        """Call this when the service stops, before the parts that were started earlier are stopped."""
        self._stack.push_async_callback(close)

    def supervise(
        self,
        name: str,
        work: Coroutine[object, object, None],
        *,
        patience_seconds: float = 2.0,
    ) -> None:
        """Run a background task for as long as the service lives.

        It shall return soon after ``stop`` is set. From then on it has ``patience_seconds``, but not more than the
        grace; it is cancelled when its turn to be stopped comes and they are over. If it ends although ``stop`` is not
        set, the service stops with exit code 1.
        """
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._task_ended)
        self._stack.push_async_callback(self._end, task, patience_seconds)

    async def close(self) -> None:
        """Stop all parts, the last one first. Idempotent."""
        self.stop.set()
        if self._closing_at is None:
            self._closing_at = asyncio.get_running_loop().time()
        await self._stack.aclose()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self.stop.is_set() and error is None:
            return
        self.crashed = True
        self.stop.set()
        _log.error("background_task_died", task=task.get_name(), exc_info=error)

    async def _end(self, task: asyncio.Task[None], patience_seconds: float) -> None:
        """Let a background task end by itself, then cancel it; what it still waits for then is cancelled as well."""
        used = self.grace_seconds - self.grace_left
        patience = max(_LEAST_PATIENCE_SECONDS, min(patience_seconds, self.grace_seconds) - used)
        await asyncio.wait({task}, timeout=patience)
        for _ in range(2):
            if task.done():
                return
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
        if not task.done():
            _log.error("background_task_ignores_stop", task=task.get_name())


def run_service(main: Callable[[Lifecycle], Awaitable[None]]) -> int:
    """Run a service until SIGTERM or SIGINT, and say by the exit code how it ended.

    Further signals change nothing, and from the end of this on they are ignored: the process is about to end.

    ``main`` starts everything through the lifecycle and returns; the service lives on until it is told to stop or a
    background task dies. Told to stop while ``main`` still runs, it cancels ``main`` and stops what was started.

    Returns:
        An :class:`ExitCode`, for ``sys.exit``.
    """
    hard_exit: list[threading.Timer] = []
    try:
        return asyncio.run(_serve(main, hard_exit))
    finally:
        for timer in hard_exit:
            timer.cancel()
            timer.join()


def unattended(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed in the background, for the event loop.

    Somebody who gave up a connection that was being made leaves its end to nobody (asyncpg does, when a server is
    silent): that is an outage and not a mistake, and who gave up has said so.
    """
    error = context.get("exception")
    if isinstance(error, ConnectionError) and "future" in context:
        _log.debug("abandoned_connection_ended", detail=str(error))
        return
    loop.default_exception_handler(context)


async def _serve(main: Callable[[Lifecycle], Awaitable[None]], hard_exit: list[threading.Timer]) -> int:
    life = Lifecycle()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(unattended)
    for number in _SIGNALS:
        loop.add_signal_handler(number, life.stop.set)
    try:
        started = await _start(main, life)
        if started is ExitCode.GRACEFUL:
            await life.stop.wait()
        stopped = await _stop(life, hard_exit)
    finally:
        _ignore_signals(loop)
    return started or stopped


async def _start(main: Callable[[Lifecycle], Awaitable[None]], life: Lifecycle) -> ExitCode:
    """Run ``main``, but give up as soon as the service shall stop."""
    starting = asyncio.ensure_future(main(life))
    stopping = asyncio.create_task(life.stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    starting.cancel()
    await asyncio.wait({starting}, timeout=_CANCEL_SECONDS)
    if not starting.done() or starting.cancelled():
        return ExitCode.GRACEFUL
    match starting.exception():
        case None:
            return ExitCode.GRACEFUL
        case ValidationError() as error:
            # Printed, because there may be no logging yet, and a person is reading.
            sys.stderr.write(settings_report(error.errors(include_url=False, include_input=False)))
            return ExitCode.BAD_SETTINGS
        case error:
            _log.error("service_failed_to_start", exc_info=error)
            return ExitCode.CRASHED


def settings_report(errors: list[ErrorDetails]) -> str:
    """What is wrong with the settings, one sentence a line, without their values."""
    lines = ["The settings are not usable:"]
    for error in errors:
        if error["type"] == "default_factory_not_called":  # only says that another setting is wrong
            continue
        name = "QUERN_" + str(error["loc"][0]).upper() + ": " if error["loc"] else ""
        lines.append(f"  {name}{error['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines) + "\n"


async def _stop(life: Lifecycle, hard_exit: list[threading.Timer]) -> ExitCode:
    limit = life.grace_seconds + CLOSE_SECONDS
    timer = threading.Timer(limit + HARD_EXIT_SECONDS, os._exit, args=(int(ExitCode.GRACE_EXCEEDED),))
    timer.daemon = True
    timer.start()
    hard_exit.append(timer)
    _log.info("service_stopping", grace_seconds=life.grace_seconds)
    try:
        async with asyncio.timeout(limit):
            await life.close()
    except TimeoutError:
        _log.error("grace_exceeded", limit_seconds=limit)
        return ExitCode.GRACE_EXCEEDED
    except Exception:  # noqa: BLE001  (the process ends here, and says so)
        _log.exception("service_failed_to_stop")
        return ExitCode.CRASHED
    _log.info("service_stopped", crashed=life.crashed)
    return ExitCode.CRASHED if life.crashed else ExitCode.GRACEFUL


def _ignore_signals(loop: asyncio.AbstractEventLoop) -> None:
    """The process ends now: closing the loop would bring back what signals do by default, which is to kill it."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
