"""Doing in one go what came in one by one."""

from __future__ import annotations

import asyncio
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
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, at_most: int
    ) -> None:
        self._work = work
        self._at_most = at_most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Have ``item`` worked on with others; returns its result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            # One turn of the loop, so that what arrives together goes together.
            await asyncio.sleep(0)
            while self._waiting:
                batch, self._waiting = self._waiting[: self._at_most], self._waiting[self._at_most :]
                await self._settle([entry for entry in batch if not entry[1].cancelled()])
        finally:
            self._running = None
            if self._waiting:
                self._running = asyncio.create_task(self._run())

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
