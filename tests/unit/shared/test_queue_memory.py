"""What the in-memory broker does beyond the suite that it shares with nsqd: misbehave on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.outcome import Done, Outcome, Retry
from shared.queue import (
    ConsumerOptions,
    PublishNotStoredError,
    PublishRejectedError,
    PublishUnknownError,
    QueueUnavailableError,
)
from shared.testing.queue import Fault, MemoryBroker

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.queue import Delivery, Handler
    from shared.testing.queue_clients import MemoryConsumer


class Seen:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.cancelled: list[int] = []
        self.gate = asyncio.Event()

    async def note(self, delivery: Delivery) -> Outcome:
        self.bodies.append(delivery.body)
        return Done()

    async def hold(self, delivery: Delivery) -> Outcome:
        self.bodies.append(delivery.body)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(delivery.attempts)
            raise
        return Done()


async def until(done: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so; nothing here takes time."""
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not become so")


async def consume(broker: MemoryBroker, handler: Handler, max_in_flight: int = 1) -> MemoryConsumer:
    async def keep(delivery: Delivery, reason: str) -> None:
        raise AssertionError(reason)

    consumer = broker.consumer(
        topic="t",
        channel="c",
        handler=handler,
        dead_letter=keep,
        options=ConsumerOptions(max_in_flight=max_in_flight),
    )
    await consumer.start()
    return consumer


async def test_faults_come_in_the_order_in_which_they_were_asked_for() -> None:
    broker, seen = MemoryBroker(), Seen()
    await consume(broker, seen.note)
    publisher = broker.publisher()
    broker.next_publishes(
        Fault.REFUSED, Fault.REJECTED, Fault.UNKNOWN_STORED, Fault.UNKNOWN_LOST, Fault.LOST, Fault.DUPLICATED
    )
    for body, error in (
        (b"refused", PublishNotStoredError),
        (b"rejected", PublishRejectedError),
        (b"stored", PublishUnknownError),
        (b"lost", PublishUnknownError),
    ):
        with pytest.raises(error):
            await publisher.publish("t", body)
    for body in (b"confirmed and lost", b"twice", b"plain"):
        await publisher.publish("t", body)
    await broker.settled()
    assert seen.bodies == [b"stored", b"twice", b"twice", b"plain"]
    assert broker.published("t") == seen.bodies


async def test_an_expired_lease_goes_to_the_next_handler_and_stops_the_old_one() -> None:
    broker, seen = MemoryBroker(), Seen()
    await consume(broker, seen.hold)
    await broker.publisher().publish("t", b"x")
    await until(lambda: len(seen.bodies) == 1)
    broker.expire_leases()
    await until(lambda: seen.cancelled == [1])
    seen.gate.set()
    await broker.settled()
    assert broker.outcomes == {("t", "c", "lease_lost"): 1, ("t", "c", "done"): 1}


async def test_an_answer_after_the_lease_ran_out_is_ignored() -> None:
    broker, slow, quick = MemoryBroker(), Seen(), Seen()
    first = await consume(broker, slow.hold)
    await broker.publisher().publish("t", b"x")
    await until(lambda: len(slow.bodies) == 1)
    first.pause()
    await consume(broker, quick.hold)
    broker.expire_leases()
    await until(lambda: len(quick.bodies) == 1)
    slow.gate.set()
    await until(lambda: first.in_flight == 0)
    ((stats,),) = [topic.channels for topic in await broker.stats()]
    assert (stats.in_flight, stats.timed_out_total) == (1, 1)
    quick.gate.set()
    await broker.settled()


async def test_a_touch_tells_a_consumer_that_its_lease_is_gone() -> None:
    broker, seen = MemoryBroker(), Seen()
    consumer = await consume(broker, seen.hold)
    await broker.publisher().publish("t", b"x")
    await until(lambda: len(seen.bodies) == 1)
    consumer.touch()
    consumer.pause()
    broker.expire_leases()
    assert broker.outcomes == {}
    consumer.touch()
    await until(lambda: seen.cancelled == [1])


async def test_a_kill_loses_what_was_in_flight_or_deferred_and_keeps_the_rest() -> None:
    broker, seen = MemoryBroker(), Seen()

    async def handler(delivery: Delivery) -> Outcome:
        return Retry(60) if delivery.body == b"deferred" else await seen.hold(delivery)

    await consume(broker, handler)
    publisher = broker.publisher()
    await publisher.publish_many("t", [b"deferred", b"in flight", b"waiting"])
    await until(lambda: seen.bodies == [b"in flight"])
    broker.go_down()
    assert not publisher.ready
    with pytest.raises(PublishNotStoredError):
        await publisher.publish("t", b"x")
    with pytest.raises(QueueUnavailableError):
        await broker.ping()
    await until(lambda: seen.cancelled == [1])
    seen.gate.set()
    broker.come_back()
    broker.advance(120)
    await broker.settled()
    assert seen.bodies == [b"in flight", b"waiting"]


async def test_a_wiped_queue_forgets_everything_but_its_consumers() -> None:
    broker, seen = MemoryBroker(), Seen()
    consumer = await consume(broker, seen.note)
    consumer.pause()
    await broker.publisher().publish("t", b"gone")
    broker.go_down()
    broker.come_back(wiped=True)
    consumer.resume()
    await broker.publisher().publish("t", b"new")
    await broker.settled()
    assert seen.bodies == [b"new"]


async def test_deferred_messages_come_when_their_time_has_come() -> None:
    broker, seen = MemoryBroker(), Seen()

    async def handler(delivery: Delivery) -> Outcome:
        await seen.note(delivery)
        return Retry(5) if delivery.attempts == 1 else Done()

    await consume(broker, handler)
    await broker.publisher().publish("t", b"x")
    await broker.settled()
    broker.advance(4.9)
    await broker.settled()
    assert len(seen.bodies) == 1
    broker.advance(0.1)
    await broker.settled()
    assert len(seen.bodies) == 2


async def test_the_order_can_be_turned_around() -> None:
    broker, seen = MemoryBroker(), Seen()
    broker.newest_first = True
    await broker.create_channel("t", "c")
    await broker.publisher().publish_many("t", [b"1", b"2", b"3"])
    await consume(broker, seen.note)
    await broker.settled()
    assert seen.bodies == [b"3", b"2", b"1"]


async def test_flakiness_is_repeatable() -> None:
    async def run(seed: int) -> tuple[list[str], list[bytes]]:
        broker = MemoryBroker(seed=seed)
        broker.flaky(0.5)
        outcomes = []
        for number in range(40):
            try:
                await broker.publisher().publish("t", str(number).encode())
            except QueueUnavailableError as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("stored")
        return outcomes, broker.published("t")

    assert await run(7) == await run(7)
    assert len(set((await run(7))[0])) == 3
