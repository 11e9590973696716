"""A task that comes round again and again, and never dies of one bad turn."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shared.errors import DependencyUnavailableError
from shared.lifecycle import wait_or_stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """Runs a task until the service stops. An outage is logged when it begins and when it is over.

    Attributes:
        name: in log lines and metrics, verb first (``reclaim_jobs``).
        run_once: one turn; returns how much it changed, by kind.
        period_seconds: between the end of a turn and the start of the next, ±10 %.
        timeout_seconds: after which a turn is cancelled and counts as failed.
        max_backoff_seconds: the longest wait after turns that failed; it doubles from the period.
        record: told name, duration in seconds and changes of each turn that succeeded.
    """

    name: str
    run_once: Callable[[], Awaitable[Mapping[str, int]]]
    period_seconds: float
    timeout_seconds: float
    max_backoff_seconds: float = 300.0
    record: Callable[[str, float, Mapping[str, int]], None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until ``stop``. The first comes within one period, at random: replicas shall not march in step."""
        failures = 0
        wait = self.period_seconds * random.random()  # noqa: S311  (spreads load, guards nothing)
        while not await self._waited(stop, wait):
            failures = 0 if await self._turn(failures) else failures + 1
            longest = max(self.period_seconds, self.max_backoff_seconds)
            wait = min(self.period_seconds * 2 ** min(failures, 20), longest)
            wait *= 0.9 + 0.2 * random.random()  # noqa: S311  (likewise)

    async def _waited(self, stop: asyncio.Event, seconds: float) -> bool:
        """Whether to stop; what a turn has left behind may come up only here."""
        try:
            return await wait_or_stop(stop, seconds)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            _log.warning("periodic_task_cut_short", task=self.name, exc_info=True)
            return stop.is_set()

    async def _turn(self, failures: int) -> bool:
        """One turn after so many that failed; the first failure is told, the rest are repetitions of it."""
        warn = _log.debug if failures else _log.warning
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                changes = await self.run_once()
        except TimeoutError:
            warn("periodic_task_timed_out", task=self.name, timeout_seconds=self.timeout_seconds)
        except DependencyUnavailableError as error:
            warn("periodic_task_waits", task=self.name, dependency=error.dependency, detail=str(error))
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            # A client's library gave up something of its own and told us in the same words: only that turn is over.
            warn("periodic_task_cut_short", task=self.name, exc_info=True)
        except Exception:  # noqa: BLE001  (one bad turn must not end the task)
            _log.exception("periodic_task_failed", task=self.name)
        else:
            if failures:
                _log.info("periodic_task_recovered", task=self.name, failed_turns=failures)
            self._report(time.monotonic() - started, changes)
            return True
        return False

    def _report(self, seconds: float, changes: Mapping[str, int]) -> None:
        if any(changes.values()):
            _log.info(
                "periodic_task_changed", task=self.name, seconds=round(seconds, 3), changes=dict(changes)
            )
        if self.record is not None:
            self.record(self.name, seconds, changes)


def _is_being_cancelled() -> bool:
    """Whether somebody has asked this task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
