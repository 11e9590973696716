from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.http.mcp.lazily import Lazily

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager


class Part:
    """Counts its starts and its ends; the first ``failures`` starts fail."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.starts = 0
        self.tasks: list[object] = []
        self.dies = asyncio.Event()

    @asynccontextmanager
    async def live(self) -> AsyncIterator[int]:
        self.starts += 1
        if self.starts <= self.failures:
            raise LookupError("not today")
        self.tasks.append(asyncio.current_task())
        yield self.starts
        self.tasks.append(asyncio.current_task())

    def load(self) -> AbstractAsyncContextManager[int]:
        return self.live()


async def test_it_is_started_once_by_the_first_of_many_and_ended_where_it_was_started() -> None:
    part = Part()
    lazily = Lazily(part.load)
    assert part.starts == 0
    assert await asyncio.gather(*(lazily.get() for _ in range(5))) == [1] * 5
    await lazily.close()
    await lazily.close()
    first, last = part.tasks
    assert first is last


async def test_a_failed_start_is_told_and_tried_again() -> None:
    part = Part(failures=2)
    lazily = Lazily(part.load)
    for _ in range(2):
        with pytest.raises(LookupError):
            await lazily.get()
    assert await lazily.get() == 3
    await lazily.close()


async def test_who_gives_up_waiting_leaves_the_start_to_others() -> None:
    part = Part()
    lazily = Lazily(part.load)
    waiting = asyncio.create_task(lazily.get())
    await asyncio.sleep(0)
    waiting.cancel()
    assert await lazily.get() == 1
    await lazily.close()
    assert part.starts == 1


async def test_what_was_never_used_is_closed_at_once() -> None:
    part = Part()
    await Lazily(part.load).close()
    assert part.starts == 0
