"""What can become of a publish, told apart by what the publisher may assume about the message."""

from __future__ import annotations

from shared.errors import DependencyRejectedError, DependencyUnavailableError


class QueueUnavailableError(DependencyUnavailableError):
    """nsqd, nsqlookupd or their HTTP interface did not answer, or answered that it cannot now."""

    def __init__(self, sentence: str, *, dependency: str = "nsqd") -> None:
        super().__init__(dependency, sentence)


class PublishNotStoredError(QueueUnavailableError):
    """The message surely did not reach the queue: publishing it again makes no duplicate."""


class PublishUnknownError(QueueUnavailableError):
    """The message was sent, no answer came: it may or may not be in the queue, so that a repetition may double it."""


class QueueRejectedError(DependencyRejectedError):
    """The request itself is wrong (size, name, state): trying the same again will not help."""

    def __init__(self, sentence: str, *, dependency: str = "nsqd") -> None:
        super().__init__(dependency, sentence)


class PublishRejectedError(QueueRejectedError):
    """The message was refused and is not in the queue: too large, empty, or under a name that nsqd does not take."""
