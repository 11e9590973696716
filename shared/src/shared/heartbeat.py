"""One sign of life for a process: what it holds stays its own as long as this goes on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from shared.errors import DependencyUnavailableError
from shared.lifecycle import wait_or_stop
from shared.outages import Outage

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

_log = structlog.get_logger(__name__)

#: Sooner than a regular beat: what lapsed during an outage is a worker's own again a moment after it.
_FIRST_SHARE: Final = 0.1
_LONGEST_SHARE: Final = 0.5


class Presence(Protocol):
    """The process's row."""

    async def beat(self, *, slots: int = 0, waits_for: Sequence[str] = ()) -> None:
        """Renew the lease, and say what the process misses."""
        ...

    async def leave(self) -> None:
        """Give it up."""
        ...


class Heartbeat:
    """Renews the lease of a process regularly; ``also`` is done after each sign of life.

    ``misses`` names the dependencies that the process cannot do without and does not have.
    """

    def __init__(
        self,
        *,
        presence: Presence,
        every_seconds: float,
        slots: int = 0,
        also: Callable[[], Awaitable[None]] | None = None,
        misses: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._presence = presence
        self._every_seconds = every_seconds
        self._slots = slots
        self._also = also
        self._misses = misses
        self._outage = Outage(
            activity="renew_lease",
            first_seconds=every_seconds * _FIRST_SHARE,
            longest_seconds=every_seconds * _LONGEST_SHARE,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until ``stop``; a database that is away is no reason to die, the lease lapses by itself."""
        while not await wait_or_stop(stop, await self._beat()):
            pass

    async def _beat(self) -> float:
        """One sign of life; how many seconds until the next."""
        try:
            await self._presence.beat(slots=self._slots, waits_for=self._misses())
            if self._also is not None:
                await self._also()
        except DependencyUnavailableError as error:
            return self._outage.failed(error)
        self._outage.over()
        # Never later than promised, and not in step with the others.
        return self._every_seconds * random.uniform(0.9, 1.0)  # noqa: S311  (spreads load, guards nothing)

    async def leave(self) -> None:
        """Say goodbye, if the database can hear it."""
        try:
            await self._presence.leave()
        except DependencyUnavailableError as error:
            _log.warning("goodbye_not_heard", dependency=error.dependency)
