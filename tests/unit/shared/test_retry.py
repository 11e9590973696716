from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retry import LONGEST_PAUSE_SECONDS, GiveUp, RetryPolicy, TryAgain, decide, pause_seconds

POLICY = RetryPolicy(base_seconds=5, dead_base_seconds=900, dead_retries_max=2)


def decision(**facts: Any) -> TryAgain | GiveUp:
    known: dict[str, Any] = {
        "retryable": True,
        "attempt": 1,
        "max_attempts": 3,
        "retries": 0,
        "retry_after_seconds": None,
        "jitter": 0.0,
    }
    return decide(POLICY, **known | facts)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 10), (3, 20), (30, LONGEST_PAUSE_SECONDS)])
def test_pauses_double_up_to_an_hour(attempt: int, seconds: float) -> None:
    assert pause_seconds(5, attempt, 0.0) == seconds


@given(st.floats(0, 100), st.integers(1, 1000), st.floats(-1, 1))
def test_a_pause_varies_by_a_fifth_at_most(base: float, attempt: int, jitter: float) -> None:
    plain = pause_seconds(base, attempt, 0.0)
    assert (
        0.8 * plain - 1e-9
        <= pause_seconds(base, attempt, jitter)
        <= min(1.2 * plain + 1e-9, LONGEST_PAUSE_SECONDS)
    )


def test_who_failed_together_comes_back_apart() -> None:
    assert [pause_seconds(10.0, 1, jitter) for jitter in (-1.0, 0.0, 1.0)] == pytest.approx([8.0, 10.0, 12.0])


def test_a_transient_failure_is_tried_again_until_the_attempts_are_used_up() -> None:
    assert decision() == TryAgain(5)
    assert decision(attempt=2) == TryAgain(10)
    assert decision(attempt=3) == GiveUp(900)


def test_a_permanent_failure_is_never_tried_again() -> None:
    assert decision(retryable=False) == GiveUp(None)


def test_retry_after_is_honoured_where_it_is_longer_but_not_for_ever() -> None:
    assert decision(retry_after_seconds=60) == TryAgain(60)
    assert decision(retry_after_seconds=1) == TryAgain(5)
    assert decision(retry_after_seconds=1e6) == TryAgain(LONGEST_PAUSE_SECONDS)


def test_no_pause_is_longer_than_the_setting() -> None:
    policy = RetryPolicy(base_seconds=5, dead_base_seconds=0, dead_retries_max=0, max_seconds=12)
    facts: dict[str, Any] = {"retryable": True, "max_attempts": 9, "retries": 0, "jitter": 0.0}
    assert decide(policy, attempt=2, retry_after_seconds=None, **facts) == TryAgain(10)
    assert decide(policy, attempt=3, retry_after_seconds=None, **facts) == TryAgain(12)
    assert decide(policy, attempt=1, retry_after_seconds=60, **facts) == TryAgain(12)


def test_a_dead_job_is_not_retried_before_the_time_that_its_host_asked_for() -> None:
    assert decision(attempt=3, retry_after_seconds=10) == GiveUp(900)
    assert decision(attempt=3, retry_after_seconds=1200) == GiveUp(1200)
    assert decision(attempt=3, retry_after_seconds=1e6) == GiveUp(LONGEST_PAUSE_SECONDS)
    assert decision(attempt=3, retry_after_seconds=1200, retryable=False) == GiveUp(None)
    assert decision(attempt=3, retry_after_seconds=1200, retries=2) == GiveUp(None)


def test_dead_jobs_are_retried_on_a_schedule_with_a_cap() -> None:
    assert decision(attempt=3, retries=1) == GiveUp(1800)
    assert decision(attempt=3, retries=2) == GiveUp(None)
    off = RetryPolicy(base_seconds=5, dead_base_seconds=0, dead_retries_max=2)
    gone = decide(
        off, retryable=True, attempt=3, max_attempts=3, retries=0, retry_after_seconds=None, jitter=0
    )
    assert gone == GiveUp(None)
