"""Following a run: what changes, as it changes, until it has ended."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from gateway.core.errors import BusyError
from gateway.core.runs import RUN_TYPES, Progress, WaitingFor, is_terminal, progress_of, waiting_for
from shared.errors import DependencyUnavailableError
from shared.lifecycle import wait_or_stop
from shared.outages import Outage
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator, Sequence
    from uuid import UUID

    from gateway.ports import JobReader
    from gateway.usecases.system import SystemView
    from shared.contracts.caller import Caller
    from shared.postgres.reads.records import JobRow, LogRow


_FOLLOWERS_AT_FULL_PACE: Final = 20
_LONGEST_PAUSE_SECONDS: Final = 5.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look at the rows has shown; while Postgres does not answer, no more than that."""

    now: Changed | None
    pause_seconds: float
    lines: Sequence[LogRow] = ()
    ended: JobRow | None = None


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

        While Postgres does not answer, that is what the run is said to wait for.
        """
        limits = self._limits
        outage = Outage(
            activity="follow_run",
            first_seconds=limits.poll_seconds,
            longest_seconds=_LONGEST_PAUSE_SECONDS,
            aloud=False,
        )
        told: Changed | None = None
        started = spoken = monotonic()
        while monotonic() - started < limits.at_most_seconds:
            look = await self._look(caller, run_id, after, outage, told)
            if look is None:
                return
            if look.now is not None and look.now != told:
                told, spoken = look.now, monotonic()
                yield look.now
            for line in look.lines:
                after, spoken = line.id, monotonic()
                yield Logged(line)
            if len(look.lines) == limits.lines:
                continue
            if look.ended is not None:
                yield Ended(look.ended)
                return
            if await wait_or_stop(self._stop, look.pause_seconds):
                return
            if monotonic() - spoken >= limits.heartbeat_seconds:
                spoken = monotonic()
                yield Quiet()

    async def _look(
        self, caller: Caller, run_id: UUID, after: int, outage: Outage, told: Changed | None
    ) -> _Look | None:
        try:
            found = await self._jobs.follow(caller.tenant_id, run_id, after, self._limits.lines)
        except DependencyUnavailableError as error:
            now = None if told is None else replace(told, waiting_for=WaitingFor.POSTGRES)
            return _Look(now=now, pause_seconds=outage.failed(error))
        outage.over()
        if found is None:
            return None
        run, lines = found
        ended = run if is_terminal(run.status) else None
        return _Look(now=self._changed(run), lines=lines, ended=ended, pause_seconds=self._pause())

    def _pause(self) -> float:
        # The more follow, the rarer each looks: together they cost Postgres a bounded share.
        return self._limits.poll_seconds * (1 + self._followers // _FOLLOWERS_AT_FULL_PACE)

    def _changed(self, run: JobRow) -> Changed:
        return Changed(run.status, progress_of(run), waiting_for(run, self._system.down()))
