"""Following a run: what changes, as it changes, until it has ended."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.core.errors import BusyError
from gateway.core.runs import RUN_TYPES, Progress, WaitingFor, is_terminal, progress_of, waiting_for
from shared.lifecycle import wait_or_stop
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator
    from uuid import UUID

    from gateway.ports import JobReader
    from gateway.usecases.system import SystemView
    from shared.contracts.caller import Caller
    from shared.postgres.reads.records import JobRow, LogRow


_FOLLOWERS_AT_FULL_PACE: Final = 20


@dataclass(frozen=True, slots=True)
class Changed:
    """The run's status, progress or reason for waiting is another one."""

    status: str
    progress: Progress
    waiting_for: WaitingFor | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A line was written."""

    line: LogRow


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is in a terminal state; nothing follows."""

    run: JobRow


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing has happened for a while."""


Happening = Changed | Logged | Ended | Quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowLimits:
    """How often rows are looked at, how long at most, how many followers there may be, how many lines at once."""

    poll_seconds: float
    heartbeat_seconds: float
    at_most_seconds: float
    at_once: int
    lines: int = 500


class Following:
    """Lets clients follow runs; each look at the rows is one short transaction."""

    def __init__(
        self, *, jobs: JobReader, system: SystemView, limits: FollowLimits, stop: asyncio.Event
    ) -> None:
        self._jobs = jobs
        self._system = system
        self._limits = limits
        self._stop = stop
        self._followers = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one follower.

        Raises:
            BusyError: there are as many as allowed.
        """
        if self._followers >= self._limits.at_once:
            raise BusyError(
                f"{self._followers} clients follow runs already: ask for the run from time to time."
            )
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    async def first_look(self, caller: Caller, run_id: UUID) -> None:
        """Raises:
        NotFoundError: there is no such run.
        """
        run = await self._jobs.get(caller.tenant_id, run_id)
        if run is None or run.parent_id is not None or run.type not in RUN_TYPES:
            raise NotFoundError("run")

    async def happenings(self, caller: Caller, run_id: UUID, after: int) -> AsyncIterator[Happening]:
        """What happens, lines behind ``after`` first; ends after the run, at shutdown, or when it took too long.

        Raises:
            PostgresUnavailableError: the rows cannot be read; the client comes back with the last id it has.
        """
        limits = self._limits
        told: Changed | None = None
        quiet = waited = 0.0
        while waited < limits.at_most_seconds:
            look = await self._jobs.follow(caller.tenant_id, run_id, after, limits.lines)
            if look is None:
                return
            run, lines = look
            now = self._changed(run)
            if now != told:
                told, quiet = now, 0.0
                yield now
            for line in lines:
                after, quiet = line.id, 0.0
                yield Logged(line)
            if len(lines) == limits.lines:
                continue
            if is_terminal(run.status):
                yield Ended(run)
                return
            pause = self._pause()
            if await wait_or_stop(self._stop, pause):
                return
            waited += pause
            quiet += pause
            if quiet >= limits.heartbeat_seconds:
                quiet = 0.0
                yield Quiet()

    def _pause(self) -> float:
        # The more follow, the rarer each looks: together they cost Postgres a bounded share.
        return self._limits.poll_seconds * (1 + self._followers // _FOLLOWERS_AT_FULL_PACE)

    def _changed(self, run: JobRow) -> Changed:
        return Changed(run.status, progress_of(run), waiting_for(run, self._system.down()))
