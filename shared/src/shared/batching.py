"""Doing in one go what came in one by one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Collects what is submitted while a batch is under way, and hands it over as the next batch.

    An idle batcher adds no delay, a busy one makes larger batches by itself. What waits is bounded by the
    number of submitters, since each waits for its own result.

    Args:
        work: takes a batch and returns a result for each item, in the same order. What it raises is raised
            by every ``submit`` of the batch.
        at_most: items in one batch.
        pause_seconds: between the beginnings of two batches, so that items which come one by one go together
            all the same; the first batch after a while of nothing goes at once.
        enough: so many items do not wait for the end of that pause.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        at_most: int,
        pause_seconds: float = 0.0,
        enough: int = 1,
    ) -> None:
        self._work = work
        self._at_most = at_most
        self._pause_seconds = pause_seconds
        self._enough = enough
        self._pause_until = 0.0
        self._are_enough = asyncio.Event()
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Have ``item`` worked on with others; returns its result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._waiting) >= self._enough:
            self._are_enough.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            # One turn of the loop, so that what arrives together goes together.
            await asyncio.sleep(0)
            while self._waiting:
                await self._pause()
                batch, self._waiting = self._waiting[: self._at_most], self._waiting[self._at_most :]
                await self._settle([entry for entry in batch if not entry[1].cancelled()])
        finally:
            self._running = None
            if self._waiting:
                self._running = asyncio.create_task(self._run())

    async def _pause(self) -> None:
        """Wait until the pause after the last batch is over, or enough items are there."""
        now = asyncio.get_running_loop().time()
        if len(self._waiting) < self._enough and now < self._pause_until:
            self._are_enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_until - now):
                    await self._are_enough.wait()
        self._pause_until = asyncio.get_running_loop().time() + self._pause_seconds

    async def _settle(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not batch:
            return
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  (handed to every submitter, who decides)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
