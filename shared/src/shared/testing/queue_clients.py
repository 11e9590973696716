"""The two ends of the in-memory queue: what ``shared.testing.queue.MemoryBroker`` hands out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.queue.errors import PublishNotStoredError
from shared.queue.rules import check_body, check_topic
from shared.queue.runner import Runner

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from shared.queue.ports import ConsumerOptions, DeadLetterSink, Delivery, Handler


class _Queue(Protocol):
    """What the two ends need of the broker."""

    max_msg_bytes: int
    outcomes: Counter[tuple[str, str, str]]

    @property
    def up(self) -> bool: ...
    def take(self, topic: str, body: bytes) -> None: ...
    def subscribe(self, consumer: MemoryConsumer) -> None: ...
    def unsubscribe(self, consumer: MemoryConsumer) -> None: ...
    def answer(
        self, consumer: MemoryConsumer, message_id: str, token: object, delay_ms: int | None
    ) -> None: ...
    def holds(self, consumer: MemoryConsumer, message_id: str, token: object) -> bool: ...
    def pump(self) -> None: ...
    def note_change(self) -> None: ...


class MemoryPublisher:
    """As ``Publisher``."""

    def __init__(self, broker: _Queue) -> None:
        self._broker = broker
        self._closed = False

    @property
    def ready(self) -> bool:
        """As ``Publisher.ready``."""
        return self._broker.up and not self._closed

    async def wait_ready(self, timeout_seconds: float) -> bool:  # noqa: ARG002  (here there is nothing to wait for)
        """As ``Publisher.wait_ready``."""
        return self.ready

    async def publish(self, topic: str, body: bytes) -> None:
        """As ``Publisher.publish``."""
        await self.publish_many(topic, [body])

    async def publish_many(self, topic: str, bodies: Sequence[bytes]) -> None:
        """As ``Publisher.publish_many``."""
        check_topic(topic)
        for body in bodies:
            check_body(body, max_msg_bytes=self._broker.max_msg_bytes)
        if self._closed:
            raise PublishNotStoredError("the publisher is closed")
        await asyncio.sleep(0)
        for body in bodies:
            self._broker.take(topic, body)

    async def aclose(self) -> None:
        """As ``Publisher.aclose``."""
        self._closed = True


class MemoryConsumer:
    """As ``Consumer``."""

    def __init__(
        self,
        broker: _Queue,
        *,
        topic: str,
        channel: str,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
    ) -> None:
        self.topic = topic
        self.channel = channel
        self.subscribed = False
        self._broker = broker
        self._options = options
        self._paused = False
        self._runner = Runner(handler=handler, dead_letter=dead_letter, options=options, record=self._record)

    @property
    def ready(self) -> bool:
        """As ``Consumer.ready``."""
        return self.subscribed and self._broker.up

    @property
    def in_flight(self) -> int:
        """As ``Consumer.in_flight``."""
        return self._runner.in_flight

    @property
    def capacity(self) -> int:
        """How many messages it takes at once; 0 while paused."""
        return 0 if self._paused else self._options.max_in_flight

    async def wait_ready(self, timeout_seconds: float) -> bool:  # noqa: ARG002  (here there is nothing to wait for)
        """As ``Consumer.wait_ready``."""
        return self.ready

    async def start(self) -> None:
        """As ``Consumer.start``."""
        self.subscribed = True
        self._broker.subscribe(self)

    def pause(self) -> None:
        """As ``Consumer.pause``."""
        self._paused = True

    def resume(self) -> None:
        """As ``Consumer.resume``."""
        self._paused = False
        self._broker.pump()

    async def drain(self, grace_seconds: float) -> None:
        """As ``Consumer.drain``."""
        self._paused = True
        await self._runner.drain(grace_seconds)
        if self.subscribed:
            self.subscribed = False
            self._broker.unsubscribe(self)

    def touch(self) -> None:
        """Give a sign of life for every message now, as production does every few seconds."""
        self._runner.touch_all()

    def receive(self, delivery: Delivery, token: object) -> None:
        """Take a delivery from the broker."""
        self._runner.deliver(self, delivery, _MemoryReply(self, self._broker, delivery.id, token))

    def lose(self, message_id: str, reason: str) -> None:
        """Hear that this delivery is not ours any more."""
        self._runner.lose(self, message_id, reason)

    def lose_all(self, reason: str) -> None:
        """The connection broke."""
        self._runner.lose_source(self, reason)

    def _record(self, topic: str, channel: str, outcome: str) -> None:
        self._broker.outcomes[topic, channel, outcome] += 1
        self._broker.note_change()


@dataclass(slots=True, eq=False)
class _MemoryReply:
    consumer: MemoryConsumer
    broker: _Queue
    message_id: str
    token: object

    def finish(self) -> None:
        self.broker.answer(self.consumer, self.message_id, self.token, None)

    def requeue(self, delay_ms: int) -> None:
        self.broker.answer(self.consumer, self.message_id, self.token, delay_ms)

    def touch(self) -> None:
        if not self.broker.holds(self.consumer, self.message_id, self.token):
            self.consumer.lose(self.message_id, "E_TOUCH_FAILED")
