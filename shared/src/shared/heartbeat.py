"""One sign of life for a process: what it holds stays its own as long as this goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import DependencyUnavailableError
from shared.lifecycle import wait_or_stop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

_log = structlog.get_logger(__name__)


class Presence(Protocol):
    """The process's row."""

    async def beat(self, *, slots: int = 0) -> None:
        """Renew the lease."""
        ...

    async def leave(self) -> None:
        """Give it up."""
        ...


class Heartbeat:
    """Renews the lease of a process regularly; ``also`` is done after each sign of life."""

    def __init__(
        self,
        *,
        presence: Presence,
        every_seconds: float,
        slots: int = 0,
        also: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._presence = presence
        self._every_seconds = every_seconds
        self._slots = slots
        self._also = also

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until ``stop``; a database that is away is no reason to die, the lease lapses by itself."""
        while True:
            try:
                await self._presence.beat(slots=self._slots)
                if self._also is not None:
                    await self._also()
            except DependencyUnavailableError as error:
                _log.warning("heartbeat_missed", dependency=error.dependency)
            if await wait_or_stop(stop, self._every_seconds):
                return

    async def leave(self) -> None:
        """Say goodbye, if the database can hear it."""
        try:
            await self._presence.leave()
        except DependencyUnavailableError as error:
            _log.warning("goodbye_not_heard", dependency=error.dependency)
