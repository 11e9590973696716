from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from structlog.testing import capture_logs

from shared.contracts.messages import TaskMessage
from shared.dispatch import Announcer, Dispatcher
from shared.queue.errors import PublishNotStoredError
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def task(number: int) -> TaskMessage:
    return TaskMessage(
        job_id=UUID(int=number), epoch=1, tenant_id=UUID(int=1), handler=Handler.WEB, attempt=1, payload={}
    )


class Windows:
    def __init__(self) -> None:
        self.waiting = [task(1), task(2)]
        self.taken_back: list[TaskMessage] = []
        self.asked = 0
        self.changed = asyncio.Event()

    async def announce_waiting(self) -> list[TaskMessage]:
        self.asked += 1
        self.changed.set()
        taken, self.waiting = self.waiting, []
        return taken

    async def announce_again(
        self, *, after_seconds: float, at_most: int, waiting: int = 0
    ) -> list[TaskMessage]:
        return []

    async def unannounce(self, messages: Sequence[TaskMessage]) -> None:
        self.taken_back += messages


class Queue:
    ready = True

    def __init__(self) -> None:
        self.published: list[bytes] = []
        self.down = False

    async def wait_ready(self, timeout_seconds: float) -> bool:
        return True

    async def publish(self, topic: str, body: bytes) -> None:
        await self.publish_many(topic, [body])

    async def publish_many(self, topic: str, bodies: Sequence[bytes]) -> None:
        assert topic == "ingest.task"
        if self.down:
            raise PublishNotStoredError("down")
        self.published += bodies

    async def aclose(self) -> None:
        return


async def test_what_fits_is_published() -> None:
    windows, queue = Windows(), Queue()
    assert await Dispatcher(windows=windows, publisher=queue).announce() == 2
    assert len(queue.published) == 2


async def test_a_publish_that_fails_costs_latency_only() -> None:
    windows, queue = Windows(), Queue()
    queue.down = True
    assert await Dispatcher(windows=windows, publisher=queue).announce() == 0
    assert windows.taken_back == [task(1), task(2)]


async def test_an_outage_is_told_when_it_begins_and_when_it_is_over() -> None:
    windows, queue = Windows(), Queue()
    dispatcher = Dispatcher(windows=windows, publisher=queue)
    queue.down = True
    with capture_logs() as log:
        for _ in range(20):
            windows.waiting = [task(1)]
            await dispatcher.announce()
        queue.down = False
        await dispatcher.announce()  # nothing to announce says nothing about nsqd
        windows.waiting = [task(1)]
        await dispatcher.announce()
    told = [line["event"] for line in log if line["log_level"] != "debug"]
    assert told == ["dependency_awaited", "dependency_answers_again"]


async def test_a_burst_of_calls_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    windows, queue = Windows(), Queue()
    gate = asyncio.Event()
    original = windows.announce_waiting

    async def slow() -> list[TaskMessage]:
        await gate.wait()
        return await original()

    monkeypatch.setattr(windows, "announce_waiting", slow)
    dispatcher = Dispatcher(windows=windows, publisher=queue)
    calls = [asyncio.create_task(dispatcher.announce()) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert sum(await asyncio.gather(*calls)) == 2
    assert windows.asked <= 2


async def test_the_announcer_answers_the_bell_until_it_is_stopped() -> None:
    windows, queue, stop = Windows(), Queue(), asyncio.Event()
    announcer = Announcer(dispatcher=Dispatcher(windows=windows, publisher=queue))
    running = asyncio.create_task(announcer.run(stop))
    announcer.ring()
    async with asyncio.timeout(5):
        await windows.changed.wait()
        stop.set()
        await running
    assert len(queue.published) == 2
