"""The two tables of the queue: what an outcome says to nsqd, and under which name it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shared.outcome import DeadLetter, Done, Outcome, Retry


class OutcomeLabel(StrEnum):
    """How a delivery is counted in ``quern_messages_total``."""

    DONE = "done"
    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    ERROR = "error"
    """The handler raised."""
    UNAVAILABLE = "unavailable"
    """The handler met a dependency that is down."""
    HANDED_BACK = "handed_back"
    """The service is stopping; no failure."""
    LEASE_LOST = "lease_lost"
    """Someone else has the message now; nothing was answered."""


class Reply(Protocol):
    """How one delivery is answered; made by whoever delivered it."""

    def finish(self) -> None:
        """FIN: the message is over."""
        ...

    def requeue(self, delay_ms: int) -> None:
        """REQ: deliver it again after the delay."""
        ...

    def touch(self) -> None:
        """TOUCH: still at work, start the message timeout anew."""
        ...


@dataclass(frozen=True, slots=True)
class Finish:
    """Answer FIN."""

    label: OutcomeLabel


@dataclass(frozen=True, slots=True)
class Requeue:
    """Answer REQ with a delay; no other message waits for it."""

    label: OutcomeLabel
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Bury:
    """Give the message to the dead letters, and answer FIN only when they have it."""

    label: OutcomeLabel
    reason: str


Ack = Finish | Requeue | Bury


def ack_of(outcome: Outcome) -> Ack:
    """What an outcome means for the message.

    Raises:
        TypeError: when a handler returned something else.
    """
    match outcome:
        case Done():
            return Finish(OutcomeLabel.DONE)
        case Retry(after_seconds=seconds):
            return Requeue(OutcomeLabel.RETRY, seconds)
        case DeadLetter(reason=reason):
            return Bury(OutcomeLabel.DEAD_LETTER, reason)
    raise TypeError(f"a handler returns an Outcome, not {type(outcome).__name__}")
