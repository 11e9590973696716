"""What happens to failed work: decided here, as pure functions; jitter and time come from outside."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE_SECONDS = 3600.0
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Queue it again, due in ``after_seconds``."""

    after_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It has failed; ``dead_retry_after_seconds`` is when the janitor may try again, None for never.

    Not before Retry-After, where that is longer: what a host asked for holds for this try as well.
    """

    dead_retry_after_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The limits: seconds, and numbers of tries.

    Attributes:
        base_seconds: the pause after the first attempt; it doubles with each further one.
        dead_base_seconds: the pause before the first automatic retry of a dead job; 0 turns it off.
        dead_retries_max: how often the janitor retries one job.
        max_seconds: no pause between attempts is longer; Retry-After is honoured up to here.
    """

    base_seconds: float
    dead_base_seconds: float
    dead_retries_max: int
    max_seconds: float = LONGEST_PAUSE_SECONDS


def pause_seconds(
    base_seconds: float, attempt: int, jitter: float, *, max_seconds: float = LONGEST_PAUSE_SECONDS
) -> float:
    """``base × 2^(attempt-1)``, varied by up to ±20 % (``jitter`` from -1 to 1), at most ``max_seconds``."""
    exponent = min(attempt - 1, 20)
    return float(min(base_seconds * 2**exponent * (1 + JITTER * jitter), max_seconds))


def decide(
    policy: RetryPolicy,
    *,
    retryable: bool,
    attempt: int,
    max_attempts: int,
    retries: int,
    retry_after_seconds: float | None,
    jitter: float,
) -> TryAgain | GiveUp:
    """What becomes of a job whose ``attempt`` has failed."""
    if retryable and attempt < max_attempts:
        pause = pause_seconds(policy.base_seconds, attempt, jitter, max_seconds=policy.max_seconds)
        return TryAgain(min(max(pause, retry_after_seconds or 0.0), policy.max_seconds))
    if retryable and policy.dead_base_seconds > 0 and retries < policy.dead_retries_max:
        pause = float(policy.dead_base_seconds * 2 ** min(retries, 20))
        return GiveUp(max(pause, min(retry_after_seconds or 0.0, policy.max_seconds)))
    return GiveUp(None)
