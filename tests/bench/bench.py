"""What every part of the measurement works with."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from quern.models.common import JobStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

    from bench.corpora.manual import Manual
    from bench.options import Options
    from bench.stack import BenchStack
    from quern.client import Client
    from quern.models.jobs import Run

T = TypeVar("T")

POLL_SECONDS: Final = 0.1
RUN_SECONDS: Final = 1800.0


class MeasurementError(Exception):
    """The measurement would compare the wrong things; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The stack, a client of it, and where files may be written."""

    options: Options
    stack: BenchStack
    client: Client
    manual: Manual
    folder: Path

    async def run_ended(self, run_id: UUID) -> Run:
        """Wait for a run, asking lightly; events would add the gateway's work for a follower.

        Raises:
            TimeoutError: it does not end.
        """

        async def ended() -> Run | None:
            run = await self.client.runs.get(run_id)
            return run if run.status.is_terminal else None

        return await until(ended, every_seconds=POLL_SECONDS, timeout_seconds=RUN_SECONDS)

    async def run_succeeded(self, run_id: UUID) -> Run:
        """Wait for a run that must go well.

        Raises:
            MeasurementError: it did not.
        """
        run = await self.run_ended(run_id)
        if run.status != JobStatus.SUCCEEDED:
            raise MeasurementError(f"run {run_id} ended as {run.status}: {run.error}")
        return run


async def until(
    look: Callable[[], Awaitable[T | None]], *, every_seconds: float, timeout_seconds: float
) -> T:
    """Look again and again until there is something to see; that.

    Raises:
        TimeoutError: there never was.
    """
    async with asyncio.timeout(timeout_seconds):
        while True:
            if (seen := await look()) is not None:
                return seen
            await asyncio.sleep(every_seconds)


class Watch:
    """Wall-clock seconds from its beginning on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """So many so far."""
        return time.perf_counter() - self._started
