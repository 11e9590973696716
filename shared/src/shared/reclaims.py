"""What becomes of a job whose owner, or whose result, was lost; decided on facts that were read under the locks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.retry import LONGEST_PAUSE_SECONDS, pause_seconds
from shared.states import Stage

OWNER: Final = "owner"
DEADLINE: Final = "deadline"
RESULT: Final = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimLimits:
    """How often a job may be lost.

    Attributes:
        max_reclaims: times that its owner may be lost or its hard deadline pass.
        max_lost_results: times that its result may be lost, between two retries.
        base_seconds: the pause after the second time; it doubles with each further one.
        max_seconds: where that doubling ends.
    """

    max_reclaims: int
    max_lost_results: int
    base_seconds: float
    max_seconds: float = LONGEST_PAUSE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFacts:
    """A running job, as locked.

    Attributes:
        owner_lost: its worker's lease has lapsed, or the worker is gone.
        deadline_passed: its own deadline has passed, however alive its worker is.
        reclaims: how often that has happened before.
        lost_results: how often its result was lost before, retries included.
        retries: how often it was retried after it had failed.
    """

    stage: Stage
    owner_lost: bool
    deadline_passed: bool
    reclaims: int
    lost_results: int
    retries: int


@dataclass(frozen=True, slots=True)
class Keep:
    """It is not lost after all."""


@dataclass(frozen=True, slots=True)
class QueueAgain:
    """Next epoch, same attempt, due in ``after_seconds``; ``counts`` against the cap on reclaims."""

    cause: str
    after_seconds: float
    counts: bool


@dataclass(frozen=True, slots=True)
class LostTooOften:
    """It was lost too often, ``times`` in all."""

    cause: str
    times: int


ReclaimVerdict = Keep | QueueAgain | LostTooOften


def judge_lost(facts: LostFacts, limits: ReclaimLimits, *, jitter: float) -> ReclaimVerdict:
    """What becomes of it; ``jitter`` is from -1 to 1.

    A result that was lost says nothing about the job, so it does not count against the cap on reclaims; it has a
    generous one of its own, or a result that no consumer can ever store would go round for ever.
    """
    if facts.stage == Stage.DELIVERED:
        return _judge_result(facts, limits)
    if facts.stage != Stage.CLAIMED or not (facts.owner_lost or facts.deadline_passed):
        return Keep()
    cause = OWNER if facts.owner_lost else DEADLINE
    times = facts.reclaims + 1
    if times > limits.max_reclaims:
        return LostTooOften(cause, times)
    return QueueAgain(cause, _pause(times, limits, jitter), counts=True)


def _judge_result(facts: LostFacts, limits: ReclaimLimits) -> ReclaimVerdict:
    if not facts.deadline_passed:
        return Keep()
    times = facts.lost_results + 1
    if times > limits.max_lost_results * (facts.retries + 1):
        return LostTooOften(RESULT, times)
    return QueueAgain(RESULT, 0.0, counts=False)


def _pause(times: int, limits: ReclaimLimits, jitter: float) -> float:
    """None the first time. Then longer and longer, each job differently: a file that kills its worker takes the
    other jobs of that worker with it every time, unless they come back apart.
    """
    if times == 1:
        return 0.0
    return pause_seconds(limits.base_seconds, times - 1, jitter, max_seconds=limits.max_seconds)
