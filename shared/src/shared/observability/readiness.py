"""Whether what a service depends on answers: checked regularly, remembered, asked for often."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import structlog

from shared.clock import now
from shared.lifecycle import wait_or_stop
from shared.observability.metrics import DEPENDENCY_READ_ONLY, DEPENDENCY_UP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

_log = structlog.get_logger(__name__)

_IMPATIENT_SECONDS = 0.5
_IMPATIENT_ROUNDS = 6
"""So many rounds pass before the pause between two looks at what is down doubles, up to the regular one."""

Status = Literal["up", "degraded", "down"]


class ReadOnly(str):
    """A check's sentence where the dependency answers questions, but takes no writes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DependencyState:
    """What is known of one dependency.

    Attributes:
        status: degraded means that it works, but not as it should.
        detail: for people; an empty string while up.
        since: when the status last changed.
        read_only: it answers questions but takes no writes: what only reads goes on, work waits.
    """

    status: Status
    detail: str
    since: datetime
    read_only: bool = False

    @property
    def blocks(self) -> bool:
        """Whether work that needs this dependency has to wait."""
        return self.status == "down" or self.read_only

    def shown(self) -> dict[str, object]:
        """For people, whom the sentence tells that it is read-only."""
        return {"status": self.status, "detail": self.detail, "since": self.since}


@dataclass(frozen=True, slots=True)
class _Check:
    ask: Callable[[], Awaitable[str | None]]
    required: bool


class Readiness:
    """The registry of checks.

    A check returns None (up), a sentence (degraded) or a :class:`ReadOnly` one (degraded, and not ready), and raises
    when it is down. One that hangs is not waited for: it counts as down until it has ended.
    """

    def __init__(self, *, period_seconds: float, timeout_seconds: float) -> None:
        self._period_seconds = period_seconds
        self._timeout_seconds = timeout_seconds
        self._checks: dict[str, _Check] = {}
        self._states: dict[str, DependencyState] = {}
        self._asking: dict[str, asyncio.Task[str | None]] = {}
        self._rounds_down = 0

    def register(
        self, name: str, check: Callable[[], Awaitable[str | None]], *, required: bool = True
    ) -> None:
        """Add a dependency; one that is not required is shown, but does not make the service unready."""
        self._checks[name] = _Check(check, required)
        self._states[name] = DependencyState("down", "not checked yet", now())

    @property
    def ready(self) -> bool:
        """Whether all work can be done: no required dependency is down or read-only."""
        return not any(self._states[name].blocks for name, check in self._checks.items() if check.required)

    def settled(self, name: str, seconds: float) -> bool:
        """Whether the dependency has been there for so long: time for everybody to say that they live."""
        state = self._states[name]
        return not state.blocks and (now() - state.since).total_seconds() >= seconds

    def is_up(self, name: str) -> bool:
        """Whether work that needs this dependency makes sense now (a degraded one still works)."""
        return self._states[name].status != "down"

    def missed(self) -> list[str]:
        """The required dependencies that work has to wait for."""
        return [name for name, check in self._checks.items() if check.required and self._states[name].blocks]

    def states(self) -> dict[str, DependencyState]:
        """What is known, by dependency."""
        return dict(self._states)

    def report(self) -> dict[str, object]:
        """The body of /readyz: ``{"status": "up" | "down", "dependencies": {name: {status, detail, since}}}``."""
        return {
            "status": "up" if self.ready else "down",
            "dependencies": {name: state.shown() for name, state in self._states.items()},
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Check everything again and again until ``stop``; a background task of the service.

        More often while something is down: a service that just started is ready a moment after its connections.
        """
        try:
            await self.check_all()
            while not await wait_or_stop(stop, self._pause_seconds()):
                await self.check_all()
        finally:
            for task in self._asking.values():
                task.cancel()

    def _pause_seconds(self) -> float:
        self._rounds_down = 0 if self.ready else self._rounds_down + 1
        pause = self._period_seconds
        if self._rounds_down:
            pause = min(_IMPATIENT_SECONDS * 2 ** ((self._rounds_down - 1) // _IMPATIENT_ROUNDS), pause)
        return pause * random.uniform(0.9, 1.1)  # noqa: S311  (spreads load, guards nothing)

    async def check_all(self) -> None:
        """Check everything once, all at the same time."""
        await asyncio.gather(*(self._check(name, check) for name, check in self._checks.items()))

    async def _check(self, name: str, check: _Check) -> None:
        asking = self._asking.pop(name, None)
        if asking is None or asking.done():
            asking = asyncio.ensure_future(_ask(check))
        await asyncio.wait({asking}, timeout=self._timeout_seconds)
        if not asking.done():
            # It is told to end, and asked anew only when it has: checks of a silent server must not pile up.
            asking.cancel()
            asking.add_done_callback(_forget)
            self._asking[name] = asking
            self._note(name, "down", f"no answer within {self._timeout_seconds:g} s")
        elif asking.cancelled():  # the one of the round before has ended just now
            self._note(name, "down", f"no answer within {self._timeout_seconds:g} s")
        elif error := asking.exception():
            self._note(name, "down", str(error) or type(error).__name__)
        else:
            detail = asking.result()
            self._note(
                name, "degraded" if detail else "up", detail or "", read_only=isinstance(detail, ReadOnly)
            )

    def _note(self, name: str, status: Status, detail: str, *, read_only: bool = False) -> None:
        before = self._states[name]
        DEPENDENCY_UP.set(0 if status == "down" else 1, name)
        DEPENDENCY_READ_ONLY.set(1 if read_only else 0, name)
        if (status, read_only) == (before.status, before.read_only):
            self._states[name] = replace(before, detail=detail)
            return
        self._states[name] = DependencyState(status, detail, now(), read_only)
        log = _log.info if status == "up" else _log.warning
        log("dependency_changed", dependency=name, status=status, detail=detail)


async def _ask(check: _Check) -> str | None:
    return await check.ask()


def _forget(asked: asyncio.Task[str | None]) -> None:
    """Take note of how a check ended that was given up: nobody else does."""
    if not asked.cancelled():
        asked.exception()
