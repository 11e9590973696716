"""Whether what a service depends on answers: checked regularly, remembered, asked for often."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import structlog

from shared.clock import now
from shared.lifecycle import wait_or_stop
from shared.observability.metrics import DEPENDENCY_UP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

_log = structlog.get_logger(__name__)

_IMPATIENT_SECONDS = 0.5

Status = Literal["up", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class DependencyState:
    """What is known of one dependency.

    Attributes:
        status: degraded means that it works, but not as it should.
        detail: for people; an empty string while up.
        since: when the status last changed.
    """

    status: Status
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class _Check:
    ask: Callable[[], Awaitable[str | None]]
    required: bool


class Readiness:
    """The registry of checks. A check returns None (up) or a sentence (degraded), and raises when it is down."""

    def __init__(self, *, period_seconds: float, timeout_seconds: float) -> None:
        self._period_seconds = period_seconds
        self._timeout_seconds = timeout_seconds
        self._checks: dict[str, _Check] = {}
        self._states: dict[str, DependencyState] = {}

    def register(
        self, name: str, check: Callable[[], Awaitable[str | None]], *, required: bool = True
    ) -> None:
        """Add a dependency; one that is not required is shown, but does not make the service unready."""
        self._checks[name] = _Check(check, required)
        self._states[name] = DependencyState("down", "not checked yet", now())

    @property
    def ready(self) -> bool:
        """Whether no required dependency is down."""
        return all(self.is_up(name) for name, check in self._checks.items() if check.required)

    def is_up(self, name: str) -> bool:
        """Whether work that needs this dependency makes sense now (a degraded one still works)."""
        return self._states[name].status != "down"

    def states(self) -> dict[str, DependencyState]:
        """What is known, by dependency."""
        return dict(self._states)

    def report(self) -> dict[str, object]:
        """The body of /readyz: ``{"status": "up" | "down", "dependencies": {name: {status, detail, since}}}``."""
        return {
            "status": "up" if self.ready else "down",
            "dependencies": {name: asdict(state) for name, state in self._states.items()},
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Check everything again and again until ``stop``; a background task of the service.

        More often while something is down: a service that just started is ready a moment after its connections.
        """
        await self.check_all()
        while not await wait_or_stop(stop, self._pause_seconds()):
            await self.check_all()

    def _pause_seconds(self) -> float:
        return self._period_seconds if self.ready else min(_IMPATIENT_SECONDS, self._period_seconds)

    async def check_all(self) -> None:
        """Check everything once, all at the same time."""
        await asyncio.gather(*(self._check(name, check) for name, check in self._checks.items()))

    async def _check(self, name: str, check: _Check) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                detail = await check.ask()
        except TimeoutError:
            self._note(name, "down", f"no answer within {self._timeout_seconds:g} s")
        except Exception as error:  # noqa: BLE001  (whatever a check raises is the news that it brings)
            self._note(name, "down", str(error) or type(error).__name__)
        else:
            self._note(name, "degraded" if detail else "up", detail or "")

    def _note(self, name: str, status: Status, detail: str) -> None:
        before = self._states[name]
        DEPENDENCY_UP.set(0 if status == "down" else 1, name)
        if status == before.status:
            self._states[name] = replace(before, detail=detail)
            return
        self._states[name] = DependencyState(status, detail, now())
        log = _log.info if status == "up" else _log.warning
        log("dependency_changed", dependency=name, status=status, detail=detail)
