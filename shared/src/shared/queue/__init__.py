"""The one door to NSQ: nothing else imports nsq, or sees one of its messages."""

from shared.queue.errors import (
    PublishNotStoredError,
    PublishRejectedError,
    PublishUnknownError,
    QueueRejectedError,
    QueueUnavailableError,
)
from shared.queue.ports import (
    Broker,
    ChannelStats,
    Consumer,
    ConsumerOptions,
    DeadLetterSink,
    Delivery,
    Handler,
    Publisher,
    QueueAdmin,
    TopicStats,
)

__all__ = [
    "Broker",
    "ChannelStats",
    "Consumer",
    "ConsumerOptions",
    "DeadLetterSink",
    "Delivery",
    "Handler",
    "PublishNotStoredError",
    "PublishRejectedError",
    "PublishUnknownError",
    "Publisher",
    "QueueAdmin",
    "QueueRejectedError",
    "QueueUnavailableError",
    "TopicStats",
]
