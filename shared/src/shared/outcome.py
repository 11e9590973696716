"""What became of a message, as a value: handlers return it, only ``shared.queue`` acts on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The message has done its work (or there was none left to do): finish it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver the message again after ``after_seconds``; it alone waits, never the whole reader."""

    after_seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The message cannot be understood: keep it on ``ingest.dead``, count it, finish it."""

    reason: str


Outcome = Done | Retry | DeadLetter
