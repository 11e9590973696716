"""What every broker does, by its ports: run against the in-memory one and against a real nsqd."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import aiohttp
import pytest
from structlog.testing import capture_logs

from shared.clock import new_id
from shared.errors import DependencyUnavailableError
from shared.outcome import DeadLetter, Done, Outcome, Retry
from shared.queue import ConsumerOptions, PublishRejectedError, QueueRejectedError
from shared.queue.admin_http import NsqHttp
from shared.queue.broker import NsqBroker
from shared.settings import NsqSettings
from shared.testing.queue import MemoryBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shared.queue import Broker, ChannelStats, Consumer, Delivery, Handler, Publisher, QueueAdmin
    from support.servers import NsqdServer

DEADLINE_SECONDS = 20.0
FAST = ConsumerOptions(
    max_in_flight=10,
    msg_timeout_seconds=10.0,
    touch_seconds=1.0,
    error_delay_seconds=0.05,
    error_delay_max_seconds=0.2,
    max_failed_attempts=3,
    cancel_seconds=2.0,
)


class Backend(Protocol):
    """A broker with its administrative side and a way to let its time pass."""

    broker: Broker
    admin: QueueAdmin
    outcomes: Counter[tuple[str, str, str]]
    max_msg_bytes: int

    def topic(self) -> str: ...

    def pass_time(self, seconds: float) -> None: ...

    async def until_paused(self, topic: str) -> None: ...


class MemoryBackend:
    def __init__(self) -> None:
        memory = MemoryBroker(max_msg_bytes=65_536)
        self.broker: Broker = memory
        self.admin: QueueAdmin = memory
        self.outcomes = memory.outcomes
        self.max_msg_bytes = memory.max_msg_bytes
        self._memory = memory

    def topic(self) -> str:
        return "test"

    def pass_time(self, seconds: float) -> None:
        self._memory.advance(seconds)

    async def until_paused(self, topic: str) -> None:
        """Here it is so at once."""


class NsqBackend:
    def __init__(self, server: NsqdServer, admin: NsqHttp, old_topics: list[str]) -> None:
        settings = NsqSettings(
            nsqd_tcp=(server.tcp,),
            nsqd_http=server.http,
            max_msg_bytes=65_536,  # below nsqd's own limit: ours is the one that must hold
            max_mpub_bytes=200_000,
        )
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.broker: Broker = NsqBroker(
            settings,
            record_message=lambda *labels: self.outcomes.update([labels]),
            record_publish=lambda *_: None,
        )
        self.admin: QueueAdmin = admin
        self._http = server.http
        self._old_topics = old_topics
        self.max_msg_bytes = settings.max_msg_bytes

    def topic(self) -> str:
        return self._old_topics.pop()

    def pass_time(self, seconds: float) -> None:
        """The real one passes by itself."""

    async def until_paused(self, topic: str) -> None:
        """RDY has no answer: ask nsqd what it knows of the consumer."""
        params = {"format": "json", "topic": topic}
        give_up = time.monotonic() + DEADLINE_SECONDS
        ready = 1
        async with aiohttp.ClientSession() as session:
            while ready:
                assert time.monotonic() < give_up
                async with session.get(f"{self._http}/stats", params=params) as response:
                    (stats,) = (await response.json())["topics"]
                ready = sum(
                    client["ready_count"] for channel in stats["channels"] for client in channel["clients"]
                )


@pytest.fixture(scope="module")
def old_topics() -> list[str]:
    """Topics made ahead: nsqd looks after the delays of a new channel only after up to five seconds."""
    return []


@pytest.fixture(params=["memory", "nsqd"])
async def backend(request: pytest.FixtureRequest, old_topics: list[str]) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield MemoryBackend()
        return
    server = request.getfixturevalue("nsqd")
    async with NsqHttp(base_url=server.http, timeout_seconds=5.0) as admin:
        if not old_topics:
            old_topics += [f"test.{new_id().hex[-12:]}" for _ in range(32)]
            for topic in old_topics:
                await admin.create_channel(topic, "c")
        yield NsqBackend(server, admin, old_topics)


class Desk:
    """One topic with a publisher, and consumers that write down what they were given."""

    def __init__(self, backend: Backend, publisher: Publisher) -> None:
        self.backend = backend
        self.topic = backend.topic()
        self.publisher = publisher
        self.seen: list[Delivery] = []
        self.dead: list[tuple[Delivery, str]] = []
        self.consumers: list[Consumer] = []
        self.changed = asyncio.Event()

    async def consume(
        self,
        handler: Handler | None = None,
        *,
        channel: str = "c",
        options: ConsumerOptions = FAST,
        bury: Callable[[Delivery, str], None] | None = None,
    ) -> Consumer:
        async def noted(delivery: Delivery) -> Outcome:
            self.seen.append(delivery)
            self.changed.set()
            return Done() if handler is None else await handler(delivery)

        async def keep(delivery: Delivery, reason: str) -> None:
            if bury is not None:
                bury(delivery, reason)
            self.dead.append((delivery, reason))

        await self.backend.admin.create_channel(self.topic, channel)
        consumer = self.backend.broker.consumer(
            topic=self.topic,
            channel=channel,
            handler=noted,
            dead_letter=keep,
            options=options,
        )
        self.consumers.append(consumer)
        await consumer.start()
        assert await consumer.wait_ready(5.0)
        return consumer

    async def publish(self, *bodies: bytes) -> None:
        for body in bodies:
            await self.publisher.publish(self.topic, body)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, while deferred messages come due."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not done():
            assert time.monotonic() < give_up, f"seen {self.seen}, outcomes {self.backend.outcomes}"
            self.backend.pass_time(1.0)
            await asyncio.sleep(0.01)

    async def until_seen(self, count: int) -> list[bytes]:
        await self.until(lambda: len(self.seen) >= count)
        return [delivery.body for delivery in self.seen]

    async def stats(self, channel: str = "c") -> ChannelStats:
        for topic in await self.backend.admin.stats():
            for stats in topic.channels:
                if (stats.topic, stats.channel) == (self.topic, channel):
                    return stats
        raise AssertionError("no such channel")

    async def until_stats(self, right: Callable[[ChannelStats], bool], channel: str = "c") -> ChannelStats:
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not right(stats := await self.stats(channel)):
            assert time.monotonic() < give_up, stats
            await asyncio.sleep(0.01)
        return stats

    def settled(self, outcome: str, channel: str = "c") -> int:
        return self.backend.outcomes[self.topic, channel, outcome]


@asynccontextmanager
async def opened(backend: Backend) -> AsyncIterator[Desk]:
    publisher = backend.broker.publisher()
    assert await publisher.wait_ready(5.0)
    desk = Desk(backend, publisher)
    try:
        yield desk
    finally:
        for consumer in desk.consumers:
            await consumer.drain(0.0)
        await publisher.aclose()


@pytest.fixture
async def desk(backend: Backend) -> AsyncIterator[Desk]:
    async with opened(backend) as desk:
        yield desk


def empty(stats: ChannelStats) -> bool:
    return (stats.depth, stats.in_flight, stats.deferred) == (0, 0, 0)


# Publishing


async def test_a_published_message_reaches_every_channel_once(desk: Desk) -> None:
    await desk.consume(channel="c")
    await desk.consume(channel="d")
    await desk.publish(b"one")
    assert await desk.until_seen(2) == [b"one", b"one"]
    assert {delivery.channel for delivery in desk.seen} == {"c", "d"}
    await desk.until_stats(empty)
    assert {delivery.attempts for delivery in desk.seen} == {1}
    assert {delivery.topic for delivery in desk.seen} == {desk.topic}


async def test_what_is_published_before_the_first_consumer_waits_for_it(desk: Desk) -> None:
    await desk.publish(b"early")
    await desk.consume()
    assert await desk.until_seen(1) == [b"early"]


async def test_a_batch_larger_than_one_command_arrives_whole(desk: Desk) -> None:
    bodies = [
        bytes([index]) * 30_000 for index in range(20)
    ]  # 600 kB; one command takes 200 kB on the real one
    await desk.publisher.publish_many(desk.topic, bodies)
    await desk.consume()
    assert sorted(await desk.until_seen(20)) == bodies


async def test_an_empty_batch_publishes_nothing(desk: Desk) -> None:
    await desk.consume()
    await desk.publisher.publish_many(desk.topic, [])
    assert (await desk.stats()).messages_total == 0


@pytest.mark.parametrize("topic", ["", "two words", "line\nfeed", "trailing\n", "x" * 65, "sl/ash"])
async def test_a_bad_topic_is_refused_and_hurts_nobody(desk: Desk, topic: str) -> None:
    with pytest.raises(PublishRejectedError):
        await desk.publisher.publish(topic, b"x")
    await desk.publish(b"next")


async def test_an_empty_or_oversized_message_is_refused_and_hurts_nobody(desk: Desk) -> None:
    largest = desk.backend.max_msg_bytes
    await desk.consume()
    for bodies in ([b""], [b"x" * (largest + 1)], [b"fine", b""]):
        with pytest.raises(PublishRejectedError):
            await desk.publisher.publish_many(desk.topic, bodies)
    await desk.publish(b"x" * largest)
    assert [len(body) for body in await desk.until_seen(1)] == [largest]
    assert (await desk.stats()).messages_total == 1


async def test_a_closed_publisher_refuses_and_can_be_closed_again(desk: Desk) -> None:
    await desk.publisher.aclose()
    await desk.publisher.aclose()
    assert not desk.publisher.ready
    with pytest.raises(DependencyUnavailableError):
        await desk.publish(b"x")


async def test_many_publishes_at_once_all_arrive(desk: Desk) -> None:
    await desk.consume()
    bodies = [str(index).encode() for index in range(500)]
    await asyncio.gather(*(desk.publisher.publish(desk.topic, body) for body in bodies))
    assert sorted(await desk.until_seen(500)) == sorted(bodies)
    await desk.until_stats(empty)
    assert desk.settled("done") == 500


# Outcomes


async def test_retry_delivers_again_with_the_next_attempt(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return Retry(0.05) if delivery.attempts < 3 else Done()

    await desk.consume(handler)
    await desk.publish(b"r")
    await desk.until(lambda: desk.settled("done") == 1)
    assert [delivery.attempts for delivery in desk.seen] == [1, 2, 3]
    assert len({delivery.id for delivery in desk.seen}) == 1
    assert desk.settled("retry") == 2
    await desk.until_stats(empty)


async def test_one_message_that_fails_does_not_delay_the_others(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return Retry(3600.0) if delivery.body == b"poison" else Done()

    await desk.consume(handler)
    await desk.publish(b"poison", *(str(index).encode() for index in range(49)))
    started = time.monotonic()
    give_up = started + 5.0
    while desk.settled("done") < 49:
        assert time.monotonic() < give_up
        await asyncio.sleep(0.005)
    stats = await desk.until_stats(lambda stats: stats.deferred == 1)
    assert (stats.depth, stats.in_flight) == (0, 0)


async def test_an_exception_delivers_again_and_is_logged_once_without_the_body(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        if delivery.attempts == 1:
            raise ValueError("unexpected")
        return Done()

    with capture_logs() as logged:
        await desk.consume(handler)
        await desk.publish(b"do-not-print-me")
        await desk.until(lambda: desk.settled("done") == 1)
    assert desk.settled("error") == 1
    (failure,) = [line for line in logged if line["event"] == "handler_failed"]
    assert failure["exc_info"] is True
    assert failure["topic"] == desk.topic
    assert "do-not-print-me" not in str(logged)


async def test_a_handler_that_always_raises_ends_in_the_dead_letters(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        raise ValueError(delivery.attempts)

    await desk.consume(handler)
    await desk.publish(b"hopeless")
    await desk.until(lambda: desk.settled("dead_letter") == 1)
    assert desk.settled("error") == FAST.max_failed_attempts - 1
    ((delivery, reason),) = desk.dead
    assert delivery.body == b"hopeless"
    assert "ValueError" in reason
    await desk.until_stats(empty)


async def test_a_dependency_that_is_down_never_ends_in_the_dead_letters(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        if delivery.attempts <= FAST.max_failed_attempts + 2:
            raise DependencyUnavailableError("postgres", "is down")
        return Done()

    await desk.consume(handler)
    await desk.publish(b"patient")
    await desk.until(lambda: desk.settled("done") == 1)
    assert desk.dead == []
    assert desk.settled("unavailable") == FAST.max_failed_attempts + 2


async def test_a_dead_letter_is_finished_only_when_it_is_kept(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return DeadLetter("makes no sense")

    def bury(delivery: Delivery, reason: str) -> None:
        if delivery.attempts == 1:
            raise OSError("the dead letters are down")

    await desk.consume(handler, bury=bury)
    await desk.publish(b"?")
    await desk.until(lambda: desk.settled("dead_letter") == 1)
    assert [(delivery.attempts, reason) for delivery, reason in desk.dead] == [(2, "makes no sense")]
    assert desk.settled("error") == 1
    await desk.until_stats(empty)


async def test_a_handler_that_returns_nonsense_counts_as_failed(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return Done() if delivery.attempts > 1 else None  # type: ignore[return-value]  # the mistake under test

    await desk.consume(handler)
    await desk.publish(b"x")
    await desk.until(lambda: desk.settled("done") == 1)
    assert desk.settled("error") == 1


async def test_a_handler_that_cancels_itself_counts_as_failed(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        if delivery.attempts == 1:
            raise asyncio.CancelledError
        return Done()

    await desk.consume(handler)
    await desk.publish(b"x")
    await desk.until(lambda: desk.settled("done") == 1)
    assert desk.settled("error") == 1


# Flow


async def test_no_more_than_max_in_flight_are_at_work(desk: Desk) -> None:
    gate = asyncio.Event()
    most = 0

    async def handler(delivery: Delivery) -> Outcome:
        nonlocal most
        most = max(most, consumer.in_flight)
        await gate.wait()
        return Done()

    await desk.publish(*(str(index).encode() for index in range(12)))
    consumer = await desk.consume(handler, options=ConsumerOptions(max_in_flight=3))
    await desk.until_stats(lambda stats: (stats.depth, stats.in_flight) == (9, 3))
    gate.set()
    await desk.until_stats(empty)
    assert len(desk.seen) == 12
    assert most == 3


async def test_a_paused_consumer_takes_nothing_until_it_is_resumed(desk: Desk) -> None:
    consumer = await desk.consume()
    consumer.pause()
    await desk.backend.until_paused(desk.topic)
    await desk.publish(b"later")
    await desk.until_stats(lambda stats: stats.depth == 1)
    assert desk.seen == []
    consumer.resume()
    assert await desk.until_seen(1) == [b"later"]


async def test_two_consumers_share_a_channel(desk: Desk) -> None:
    gate = asyncio.Event()

    async def handler(delivery: Delivery) -> Outcome:
        await gate.wait()
        return Done()

    one = ConsumerOptions(max_in_flight=1)
    first = await desk.consume(handler, options=one)
    second = await desk.consume(handler, options=one)
    await desk.publish(b"a", b"b")
    await desk.until(lambda: (first.in_flight, second.in_flight) == (1, 1))
    gate.set()
    await desk.until_stats(empty)


# Stopping


async def test_drain_lets_handlers_end(desk: Desk) -> None:
    gate = asyncio.Event()

    async def handler(delivery: Delivery) -> Outcome:
        await gate.wait()
        return Done()

    consumer = await desk.consume(handler, options=ConsumerOptions(max_in_flight=4))
    await desk.publish(*(str(index).encode() for index in range(10)))
    await desk.until_seen(4)  # nsqd counts a message that is still on its way
    draining = asyncio.create_task(consumer.drain(10.0))
    await asyncio.sleep(0)
    gate.set()
    await draining
    stats = await desk.stats()  # at once: a drain is over when the queue has heard the answers
    assert desk.settled("done") == 4
    assert (stats.depth, stats.in_flight, stats.requeued_total, stats.timed_out_total) == (6, 0, 0, 0)


async def test_drain_hands_back_what_does_not_end_in_time(desk: Desk) -> None:
    cancelled: list[bytes] = []

    async def handler(delivery: Delivery) -> Outcome:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(delivery.body)
            raise
        return Done()

    consumer = await desk.consume(handler, options=ConsumerOptions(max_in_flight=5))
    await desk.publish(*(str(index).encode() for index in range(5)))
    await desk.until_seen(5)
    await consumer.drain(0.05)
    await consumer.drain(0.05)
    stats = await desk.stats()
    assert (stats.depth, stats.in_flight, stats.deferred, stats.timed_out_total) == (5, 0, 0, 0)
    assert len(cancelled) == 5
    assert desk.settled("handed_back") == 5
    desk.seen.clear()
    await desk.consume()
    assert sorted(await desk.until_seen(5)) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_handler_that_ignores_being_cancelled_cannot_hold_up_the_stop(desk: Desk) -> None:
    release = asyncio.Event()

    async def handler(delivery: Delivery) -> Outcome:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Done()

    consumer = await desk.consume(handler, options=ConsumerOptions(cancel_seconds=0.05))
    await desk.publish(b"stubborn")
    await desk.until_seen(1)
    await consumer.drain(0.05)
    stats = await desk.until_stats(lambda stats: stats.clients == 0)
    assert (stats.depth, stats.in_flight) == (1, 0)
    release.set()
    await desk.until(lambda: consumer.in_flight == 0)
    assert desk.settled("done") == 0


async def test_a_consumer_that_never_started_can_be_drained(desk: Desk) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return Done()

    async def keep(delivery: Delivery, reason: str) -> None:
        """Nothing comes here."""

    consumer = desk.backend.broker.consumer(
        topic=desk.topic,
        channel="c",
        handler=handler,
        dead_letter=keep,
        options=FAST,
    )
    assert not consumer.ready
    await consumer.drain(1.0)


# Administration


async def test_creating_a_channel_twice_is_harmless(desk: Desk) -> None:
    await desk.backend.admin.create_channel(desk.topic, "c")
    await desk.publish(b"kept")
    await desk.backend.admin.create_channel(desk.topic, "c")
    stats = await desk.until_stats(lambda stats: stats.depth == 1)
    assert (stats.clients, stats.paused) == (0, False)
    await desk.backend.admin.ping()


async def test_bad_names_are_refused_everywhere(desk: Desk) -> None:
    with pytest.raises(QueueRejectedError):
        await desk.backend.admin.create_channel("a b", "c")
    with pytest.raises(QueueRejectedError):
        await desk.backend.admin.create_channel(desk.topic, "")
    with pytest.raises(QueueRejectedError):
        await desk.consume(channel="a b")
