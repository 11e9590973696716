"""Announcing jobs: rows decide what fits, messages wake workers up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from shared.contracts.messages import TaskMessage, encode
from shared.contracts.topics import INGEST_TASK
from shared.errors import DependencyError
from shared.observability.metrics import ANNOUNCED_JOBS
from shared.outages import Outage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.queue.ports import Publisher


class Windows(Protocol):
    """The bounded windows of announced jobs."""

    async def announce_waiting(self) -> list[TaskMessage]:
        """Stamp what fits now and return its messages."""
        ...

    async def announce_again(
        self, *, after_seconds: float, at_most: int, waiting: int = 0
    ) -> list[TaskMessage]:
        """Stamp jobs again whose announcement nobody took up."""
        ...

    async def unannounce(self, messages: Sequence[TaskMessage]) -> None:
        """Take the stamp back."""
        ...


class Dispatcher:
    """Fills the windows. Whoever finishes or accepts something calls :meth:`announce`.

    Calls that come while one is under way are answered by one more, so that a burst of them costs two.
    """

    def __init__(self, *, windows: Windows, publisher: Publisher) -> None:
        self._windows = windows
        self._publisher = publisher
        self._turn = asyncio.Lock()
        self._asked = False
        self._outage = Outage(activity="announce_jobs")

    async def announce(self) -> int:
        """Announce what fits now; returns how many. A failure costs latency only: the janitor tries again."""
        self._asked = True
        announced = 0
        async with self._turn:
            while self._asked:
                self._asked = False
                announced += await self._announce_once()
        return announced

    async def announce_again(self, *, after_seconds: float, at_most: int, waiting: int = 0) -> int:
        """Announce again what nobody took up; ``waiting`` messages in the queue are known not to be lost.

        Raises:
            DependencyError: Postgres or nsqd did not do their part; the next turn tries again.
        """
        messages = await self._windows.announce_again(
            after_seconds=after_seconds, at_most=at_most, waiting=waiting
        )
        await self._publish(messages)
        return len(messages)

    async def _announce_once(self) -> int:
        try:
            messages = await self._windows.announce_waiting()
            if not messages:
                return 0
            await self._publish(messages)
        except DependencyError as error:
            self._outage.failed(error)  # nobody waits here: whoever rings next tries again
            return 0
        self._outage.over()
        ANNOUNCED_JOBS.inc("first", amount=len(messages))
        return len(messages)

    async def _publish(self, messages: Sequence[TaskMessage]) -> None:
        if not messages:
            return
        try:
            await self._publisher.publish_many(INGEST_TASK.name, [encode(message) for message in messages])
        except DependencyError:
            # Some may have been stored: announced twice, they are claimed once.
            await self._windows.unannounce(messages)
            raise


class Announcer:
    """Announces in the background, as often as somebody rings, one turn at a time."""

    def __init__(self, *, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Something was accepted or finished: there may be room, or something that waits."""
        self._bell.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer the bell until ``stop``."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                ringing = asyncio.create_task(self._bell.wait())
                await asyncio.wait({ringing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                ringing.cancel()
                if self._bell.is_set():
                    self._bell.clear()
                    await self._dispatcher.announce()
        finally:
            stopping.cancel()
