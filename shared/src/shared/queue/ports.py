"""What the services see of the queue. ``NsqBroker`` speaks to nsqd, ``shared.testing.queue.MemoryBroker`` to nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from shared.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message. The same message may be delivered again, also while an earlier delivery is at work.

    Attributes:
        id: nsqd's id of the message, 16 hexadecimal digits; the same at every delivery.
        body: what was published. Never in a log line, hence not in the representation.
        attempts: 1 at the first delivery; counts shutdowns and timeouts as well, so it says nothing about failures.
        timestamp_ns: when nsqd took the message, in nanoseconds since 1970.
        topic: where it was published.
        channel: which of the topic's channels delivered it.
    """

    id: str
    body: bytes = field(repr=False)
    attempts: int
    timestamp_ns: int
    topic: str
    channel: str


Handler = Callable[[Delivery], Awaitable[Outcome]]
"""Does the work of one message and says what became of it. Cancelled when the lease is lost or the service stops."""

DeadLetterSink = Callable[[Delivery, str], Awaitable[None]]
"""Keeps a message that cannot be understood, with the reason; the message is finished only after it returned."""

RecordMessage = Callable[[str, str, str], None]
"""Counts one settled delivery: topic, channel, outcome (see ``shared.queue.acks.OutcomeLabel``)."""

RecordPublish = Callable[[str, str, int], None]
"""Counts published messages: topic, outcome (stored | not_stored | unknown | rejected), how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerOptions:
    """How a consumer works; the durations are seconds.

    Attributes:
        max_in_flight: how many messages are worked on at once, over all nsqds together.
        msg_timeout_seconds: how long nsqd waits for a sign of life before it delivers a message again.
        touch_seconds: how often that sign is given while the handler lives.
        error_delay_seconds: delay before the second delivery of a message whose handler raised; doubles.
        error_delay_max_seconds: where that doubling ends.
        requeue_max_seconds: nsqd's ``--max-req-timeout``; a longer delay is shortened to it.
        max_failed_attempts: a handler that still raises at this delivery gives the message to the dead letters.
        cancel_seconds: how long a cancelled handler may take to end before it is left behind.
    """

    max_in_flight: int = 1
    msg_timeout_seconds: float = 60.0
    touch_seconds: float = 15.0
    error_delay_seconds: float = 1.0
    error_delay_max_seconds: float = 60.0
    requeue_max_seconds: float = 3600.0
    max_failed_attempts: int = 100
    cancel_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Raises:
        ValueError: for values that contradict each other.
        """
        if self.max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, not {self.max_in_flight}")
        if self.touch_seconds * 2 > self.msg_timeout_seconds:
            raise ValueError(
                f"touching every {self.touch_seconds} s leaves no room for a late touch "
                f"within a message timeout of {self.msg_timeout_seconds} s: at most half of it",
            )


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """One channel's counts: waiting, being worked on, deferred, delivered again because nobody answered in time."""

    topic: str
    channel: str
    depth: int
    in_flight: int
    deferred: int
    clients: int = 0
    messages_total: int = 0
    requeued_total: int = 0
    timed_out_total: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class TopicStats:
    """One topic's counts; ``depth`` is what no channel has taken yet."""

    topic: str
    depth: int
    messages_total: int
    channels: tuple[ChannelStats, ...] = ()


class Publisher(Protocol):
    """Puts messages into the queue, and says so only when the queue has said so."""

    @property
    def ready(self) -> bool:
        """Whether a publish would find a connection now."""
        ...

    async def wait_ready(self, timeout_seconds: float) -> bool:
        """Wait for ``ready`` at most this long; the answer is ``ready``."""
        ...

    async def publish(self, topic: str, body: bytes) -> None:
        """Publish one message; returns when nsqd has said OK.

        Raises:
            PublishNotStoredError: surely not stored (no connection in time, nsqd could not write).
            PublishUnknownError: sent, but no answer in time or the connection broke: may be stored.
            PublishRejectedError: empty, too large, or a bad topic; nothing was sent, or nsqd refused it.
        """
        ...

    async def publish_many(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Publish several messages in as few commands as nsqd's body limit allows; all or an error.

        An error may leave a part of them stored. No order between them is promised.

        Raises:
            PublishNotStoredError, PublishUnknownError, PublishRejectedError: as ``publish``.
        """
        ...

    async def aclose(self) -> None:
        """Wait (bounded) for publishes under way and close. Idempotent."""
        ...


class Consumer(Protocol):
    """Takes messages of one topic's channel, runs the handler for each, and answers with its outcome."""

    @property
    def ready(self) -> bool:
        """Whether at least one nsqd delivers to this consumer."""
        ...

    @property
    def in_flight(self) -> int:
        """How many handlers are at work."""
        ...

    async def wait_ready(self, timeout_seconds: float) -> bool:
        """Wait for ``ready`` at most this long; the answer is ``ready``."""
        ...

    async def start(self) -> None:
        """Begin; returns at once, also while no nsqd is there."""
        ...

    def pause(self) -> None:
        """Take no further messages; those at work go on."""
        ...

    def resume(self) -> None:
        """Take messages again."""
        ...

    async def drain(self, grace_seconds: float) -> None:
        """Take no further messages, let handlers end within the grace, hand the rest back, close. Idempotent."""
        ...


class Broker(Protocol):
    """Makes publishers and consumers of one queue."""

    def publisher(self) -> Publisher:
        """A new publisher; it connects at once and until it is closed."""
        ...

    def consumer(
        self,
        *,
        topic: str,
        channel: str,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
    ) -> Consumer:
        """A new consumer, not yet started.

        Raises:
            QueueRejectedError: for a name that nsqd would not take.
        """
        ...


class QueueAdmin(Protocol):
    """The administrative side of one queue server."""

    async def ping(self) -> None:
        """Raises:
        QueueUnavailableError: when the server does not say that it is well.
        """
        ...

    async def create_channel(self, topic: str, channel: str) -> None:
        """Create the topic and its channel where they are missing, so that nothing published is missed.

        Raises:
            QueueUnavailableError: no answer in time.
            QueueRejectedError: for a name that nsqd does not take.
        """
        ...

    async def stats(self) -> tuple[TopicStats, ...]:
        """Every topic with its channels.

        Raises:
            QueueUnavailableError: no answer in time.
        """
        ...
