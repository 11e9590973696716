from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.batching import Batcher

if TYPE_CHECKING:
    from collections.abc import Sequence


class Work:
    """Doubles numbers, in batches that wait for a gate."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]


async def test_what_arrives_together_goes_together() -> None:
    work = Work()
    batcher = Batcher(work, at_most=10)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert work.batches == [[0, 1, 2, 3, 4]]


async def test_what_arrives_meanwhile_makes_the_next_batch_within_the_limit() -> None:
    work = Work()
    work.gate.clear()
    batcher = Batcher(work, at_most=3)
    first = asyncio.create_task(batcher.submit(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(batcher.submit(n)) for n in range(1, 6)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10]
    assert work.batches == [[0], [1, 2, 3], [4, 5]]


async def test_an_error_reaches_everybody_in_the_batch_and_nobody_after_it() -> None:
    batcher = Batcher(Work(), at_most=10)
    results = await asyncio.gather(batcher.submit(1), batcher.submit(-1), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert await batcher.submit(3) == 6


async def test_a_submitter_that_gave_up_is_not_worked_for() -> None:
    work = Work()
    work.gate.clear()
    batcher = Batcher(work, at_most=10)
    first = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.gate.set()
    assert await first == 2
    assert await batcher.submit(5) == 10
    assert work.batches == [[1], [5]]


async def test_after_a_batch_items_that_come_one_by_one_go_together() -> None:
    work = Work()
    batcher = Batcher(work, at_most=10, pause_seconds=3600.0, enough=3)
    assert await batcher.submit(0) == 0
    rest = []
    for n in range(1, 4):
        rest.append(asyncio.create_task(batcher.submit(n)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(work.batches) == (1 if n < 3 else 2)
    assert await asyncio.gather(*rest) == [2, 4, 6]
    assert work.batches == [[0], [1, 2, 3]]


async def test_the_pause_ends_by_itself() -> None:
    work = Work()
    batcher = Batcher(work, at_most=10, pause_seconds=0.01, enough=5)
    assert await batcher.submit(1) == 2
    async with asyncio.timeout(5):
        assert await batcher.submit(2) == 4
    assert work.batches == [[1], [2]]
