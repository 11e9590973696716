"""Announcing beside the requests: who asks for work is not made to wait for nsqd."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.ports import JobDispatcher


class Announcements:
    """Wakes the dispatcher up; any number of wishes that come while it is at work are one more turn of it."""

    def __init__(self, *, dispatcher: JobDispatcher) -> None:
        self._dispatcher = dispatcher
        self._wanted = asyncio.Event()

    def announce(self) -> None:
        """Wish that what waits is announced."""
        self._wanted.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Fulfil wishes until ``stop``; a background task of the service."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                wanted = asyncio.ensure_future(self._wanted.wait())
                await asyncio.wait({wanted, stopping}, return_when=asyncio.FIRST_COMPLETED)
                wanted.cancel()
                if self._wanted.is_set():
                    self._wanted.clear()
                    await self._dispatcher.announce()
        finally:
            stopping.cancel()
