"""An in-memory queue with nsqd's manners: at least once, no order promised, and as unreliable as a test asks for.

Time stands still here: deferred messages come when a test calls :meth:`MemoryBroker.advance`, leases run out when
it calls :meth:`MemoryBroker.expire_leases`. What happens to a message is decided by the same ``Runner`` as in
production; only the transport is replaced.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.queue.errors import (
    PublishNotStoredError,
    PublishRejectedError,
    PublishUnknownError,
    QueueUnavailableError,
)
from shared.queue.ports import ChannelStats, Delivery, TopicStats
from shared.queue.rules import check_name
from shared.testing.queue_clients import MemoryConsumer, MemoryPublisher

if TYPE_CHECKING:
    from shared.queue.ports import ConsumerOptions, DeadLetterSink, Handler


class Fault(StrEnum):
    """What may happen to one publish instead of its success."""

    REFUSED = "refused"
    """Not stored, and the publisher knows."""
    REJECTED = "rejected"
    """nsqd says that the message is wrong."""
    UNKNOWN_STORED = "unknown_stored"
    """Stored, but the answer is lost."""
    UNKNOWN_LOST = "unknown_lost"
    """Not stored, and the publisher cannot know."""
    LOST = "lost"
    """Confirmed, then lost (nsqd's machine dies)."""
    DUPLICATED = "duplicated"
    """Confirmed, and stored twice."""


@dataclass(slots=True, eq=False)
class _Message:
    id: str
    body: bytes
    timestamp_ns: int
    attempts: int = 0


@dataclass(slots=True, eq=False)
class _Channel:
    topic: str
    name: str
    ready: deque[_Message] = field(default_factory=deque)
    deferred: list[tuple[float, _Message]] = field(default_factory=list)
    in_flight: dict[str, tuple[_Message, MemoryConsumer, object]] = field(default_factory=dict)
    consumers: list[MemoryConsumer] = field(default_factory=list)
    requeued: int = 0
    timed_out: int = 0
    messages: int = 0

    def stats(self) -> ChannelStats:
        return ChannelStats(
            topic=self.topic,
            channel=self.name,
            depth=len(self.ready),
            in_flight=len(self.in_flight),
            deferred=len(self.deferred),
            clients=len(self.consumers),
            messages_total=self.messages,
            requeued_total=self.requeued,
            timed_out_total=self.timed_out,
        )


@dataclass(slots=True, eq=False)
class _Topic:
    name: str
    backlog: list[_Message] = field(default_factory=list)
    channels: dict[str, _Channel] = field(default_factory=dict)
    published: list[bytes] = field(default_factory=list)


class MemoryBroker:
    """The queue itself; also its administrative side (``QueueAdmin``).

    Attributes:
        outcomes: how many deliveries were settled, by (topic, channel, outcome).
        newest_first: deliver the newest waiting message first instead of the oldest.
    """

    def __init__(self, *, max_msg_bytes: int = 1_048_576, seed: int = 0) -> None:
        self.max_msg_bytes = max_msg_bytes
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.newest_first = False
        self._topics: dict[str, _Topic] = {}
        self._faults: deque[Fault] = deque()
        self._flaky_rate = 0.0
        self._dice = random.Random(seed)  # noqa: S311  (a repeatable test, not a secret)
        self._consumers: list[MemoryConsumer] = []
        self._seconds = 0.0
        self._serial = 0
        self._up = True
        self._pumping = False
        self._changed = asyncio.Event()

    # What a service uses

    def publisher(self) -> MemoryPublisher:
        """As ``Broker.publisher``."""
        return MemoryPublisher(self)

    def consumer(
        self,
        *,
        topic: str,
        channel: str,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
    ) -> MemoryConsumer:
        """As ``Broker.consumer``."""
        check_name("topic", topic)
        check_name("channel", channel)
        consumer = MemoryConsumer(
            self,
            topic=topic,
            channel=channel,
            handler=handler,
            dead_letter=dead_letter,
            options=options,
        )
        self._consumers.append(consumer)
        return consumer

    async def ping(self) -> None:
        """As ``QueueAdmin.ping``."""
        if not self._up:
            raise QueueUnavailableError("the queue is down")

    async def create_channel(self, topic: str, channel: str) -> None:
        """As ``QueueAdmin.create_channel``."""
        await self.ping()
        check_name("topic", topic)
        check_name("channel", channel)
        self._channel(topic, channel)

    async def stats(self) -> tuple[TopicStats, ...]:
        """As ``QueueAdmin.stats``."""
        await self.ping()
        return tuple(
            TopicStats(
                topic=topic.name,
                depth=len(topic.backlog),
                messages_total=len(topic.published),
                channels=tuple(channel.stats() for channel in topic.channels.values()),
            )
            for topic in self._topics.values()
        )

    # What a test asks for

    def next_publishes(self, *faults: Fault) -> None:
        """Let the coming messages fare so, one fault each."""
        self._faults.extend(faults)

    def flaky(self, rate: float) -> None:
        """From now on let this share of messages be duplicated, refused or left unknown, repeatably by the seed."""
        self._flaky_rate = rate

    def shuffle(self) -> None:
        """Bring what waits everywhere into another order."""
        for channel in self._channels():
            self._dice.shuffle(channel.ready)

    def go_down(self) -> None:
        """Die as by kill -9: publishes fail, consumers lose their leases, what was in flight or deferred is gone."""
        self._up = False
        for channel in self._channels():
            channel.in_flight.clear()
            channel.deferred.clear()
        self.disconnect()

    def come_back(self, *, wiped: bool = False) -> None:
        """Start again, on the old data or (``wiped``) on an empty directory."""
        self._up = True
        if wiped:
            self._topics.clear()
        for consumer in self._consumers:
            if consumer.subscribed:
                self.subscribe(consumer)
        self.pump()

    def disconnect(self) -> None:
        """Cut every connection: leases are lost at once, but the messages come back only by ``expire_leases``."""
        for consumer in self._consumers:
            consumer.lose_all("the connection closed")

    def expire_leases(self) -> None:
        """Let every message timeout run out: what is in flight is delivered again, its consumers are not told."""
        for channel in self._channels():
            for message, _, _ in channel.in_flight.values():
                channel.ready.append(message)
                channel.timed_out += 1
            channel.in_flight.clear()
        self.pump()

    def advance(self, seconds: float) -> None:
        """Let time pass: what was deferred for no longer than this becomes deliverable."""
        self._seconds += seconds
        for channel in self._channels():
            due = [message for at, message in channel.deferred if at <= self._seconds]
            channel.deferred = [entry for entry in channel.deferred if entry[0] > self._seconds]
            channel.ready.extend(due)
        self.pump()

    def published(self, topic: str) -> list[bytes]:
        """Every body that this topic took, in order, faults included."""
        return list(self._topics[topic].published) if topic in self._topics else []

    async def settled(self, *, timeout_seconds: float = 5.0) -> None:
        """Wait until nothing is in flight and nothing deliverable waits for a running consumer.

        Raises:
            TimeoutError: if it does not come to rest.
        """
        async with asyncio.timeout(timeout_seconds):
            while self._busy():
                self._changed.clear()
                await self._changed.wait()

    # The transport between the two

    def take(self, topic: str, body: bytes) -> None:
        """Store one message, or let the next fault happen.

        Raises:
            PublishNotStoredError, PublishUnknownError, PublishRejectedError: as asked for.
        """
        fault = self._next_fault()
        if not self._up or fault is Fault.REFUSED:
            raise PublishNotStoredError("no connection to the queue")
        if fault is Fault.REJECTED:
            raise PublishRejectedError("the queue refused the message")
        if fault is Fault.UNKNOWN_LOST:
            raise PublishUnknownError("no answer")
        if fault is not Fault.LOST:
            self._store(topic, body)
        if fault is Fault.DUPLICATED:
            self._store(topic, body)
        self.pump()
        if fault is Fault.UNKNOWN_STORED:
            raise PublishUnknownError("no answer")

    def subscribe(self, consumer: MemoryConsumer) -> None:
        """Let a consumer have messages of its channel, which is created if need be."""
        channel = self._channel(consumer.topic, consumer.channel)
        if consumer not in channel.consumers:
            channel.consumers.append(consumer)
        self.pump()

    def unsubscribe(self, consumer: MemoryConsumer) -> None:
        """Take a consumer off its channel."""
        channel = self._channel(consumer.topic, consumer.channel)
        if consumer in channel.consumers:
            channel.consumers.remove(consumer)

    def answer(self, consumer: MemoryConsumer, message_id: str, token: object, delay_ms: int | None) -> None:
        """FIN (no delay) or REQ one delivery; refused, as by nsqd, when its lease is not that delivery's any more."""
        channel = self._channel(consumer.topic, consumer.channel)
        entry = channel.in_flight.get(message_id)
        if entry is None or entry[2] is not token:
            return
        del channel.in_flight[message_id]
        if delay_ms is not None:
            channel.requeued += 1
            if delay_ms:
                channel.deferred.append((self._seconds + delay_ms / 1000, entry[0]))
            else:
                channel.ready.append(entry[0])
        self.pump()

    def holds(self, consumer: MemoryConsumer, message_id: str, token: object) -> bool:
        """Whether that delivery's lease is still alive."""
        entry = self._channel(consumer.topic, consumer.channel).in_flight.get(message_id)
        return entry is not None and entry[2] is token

    def pump(self) -> None:
        """Deliver soon what can be delivered; never from inside the caller, as over a socket."""
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def note_change(self) -> None:
        """Wake whoever waits for rest."""
        self._changed.set()

    @property
    def up(self) -> bool:
        """Whether the queue runs."""
        return self._up

    def _deliver(self) -> None:
        self._pumping = False
        if self._up:
            for channel in self._channels():
                while channel.ready and (consumer := _hungriest(channel)) is not None:
                    self._hand_over(channel, consumer)
        self.note_change()

    def _hand_over(self, channel: _Channel, consumer: MemoryConsumer) -> None:
        message = channel.ready.pop() if self.newest_first else channel.ready.popleft()
        message.attempts += 1
        token = object()
        channel.in_flight[message.id] = (message, consumer, token)
        delivery = Delivery(
            id=message.id,
            body=message.body,
            attempts=message.attempts,
            timestamp_ns=message.timestamp_ns,
            topic=channel.topic,
            channel=channel.name,
        )
        consumer.receive(delivery, token)

    def _store(self, topic_name: str, body: bytes) -> None:
        topic = self._topic(topic_name)
        self._serial += 1
        topic.published.append(body)
        if not topic.channels:
            topic.backlog.append(_Message(f"{self._serial:016x}", body, self._serial))
        for channel in topic.channels.values():
            channel.messages += 1
            channel.ready.append(_Message(f"{self._serial:016x}", body, self._serial))

    def _topic(self, name: str) -> _Topic:
        return self._topics.setdefault(name, _Topic(name))

    def _channel(self, topic_name: str, name: str) -> _Channel:
        topic = self._topic(topic_name)
        if name not in topic.channels:
            # The first channel gets what the topic held back, a later one nothing older.
            channel = topic.channels[name] = _Channel(topic_name, name)
            channel.ready.extend(topic.backlog)
            channel.messages += len(topic.backlog)
            topic.backlog.clear()
        return topic.channels[name]

    def _channels(self) -> list[_Channel]:
        return [channel for topic in self._topics.values() for channel in topic.channels.values()]

    def _busy(self) -> bool:
        return self._pumping or any(
            channel.in_flight or (channel.ready and _hungriest(channel) is not None)
            for channel in self._channels()
        )

    def _next_fault(self) -> Fault | None:
        if self._faults:
            return self._faults.popleft()
        if self._dice.random() < self._flaky_rate:
            return self._dice.choice(
                [Fault.REFUSED, Fault.UNKNOWN_STORED, Fault.UNKNOWN_LOST, Fault.DUPLICATED]
            )
        return None


def _hungriest(channel: _Channel) -> MemoryConsumer | None:
    """The consumer with most room, or None."""
    held = Counter(id(consumer) for _, consumer, _ in channel.in_flight.values())
    room = {consumer: consumer.capacity - held[id(consumer)] for consumer in channel.consumers}
    best = max(room, key=lambda consumer: room[consumer], default=None)
    return best if best is not None and room[best] > 0 else None
