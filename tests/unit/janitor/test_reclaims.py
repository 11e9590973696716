from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.reclaims import (
    DEADLINE,
    OWNER,
    RESULT,
    Keep,
    LostFacts,
    LostTooOften,
    QueueAgain,
    ReclaimLimits,
    judge_lost,
)
from shared.states import Stage

LIMITS = ReclaimLimits(max_reclaims=3, max_lost_results=2, base_seconds=10.0)


def facts(stage: Stage = Stage.CLAIMED, **changes: int) -> LostFacts:
    values = {"owner_lost": 0, "deadline_passed": 0, "reclaims": 0, "lost_results": 0, "retries": 0} | changes
    return LostFacts(
        stage=stage,
        owner_lost=bool(values["owner_lost"]),
        deadline_passed=bool(values["deadline_passed"]),
        reclaims=values["reclaims"],
        lost_results=values["lost_results"],
        retries=values["retries"],
    )


def test_a_job_whose_worker_came_back_meanwhile_is_kept() -> None:
    assert judge_lost(facts(), LIMITS, jitter=0.0) == Keep()


def test_the_first_loss_costs_no_time_and_no_attempt() -> None:
    verdict = judge_lost(facts(owner_lost=1), LIMITS, jitter=1.0)
    assert verdict == QueueAgain(OWNER, 0.0, counts=True)


def test_later_losses_come_back_apart_from_each_other() -> None:
    pauses = [
        judge_lost(facts(owner_lost=1, reclaims=reclaims), LIMITS, jitter=jitter)
        for reclaims in (1, 2)
        for jitter in (-1.0, 0.0, 1.0)
    ]
    assert pauses == [
        QueueAgain(OWNER, seconds, counts=True) for seconds in (8.0, 10.0, 12.0, 16.0, 20.0, 24.0)
    ]


def test_a_job_that_was_lost_too_often_is_given_up() -> None:
    assert judge_lost(facts(owner_lost=1, reclaims=3), LIMITS, jitter=0.0) == LostTooOften(OWNER, 4)


def test_a_living_worker_loses_a_job_that_takes_too_long() -> None:
    assert judge_lost(facts(deadline_passed=1), LIMITS, jitter=0.0) == QueueAgain(DEADLINE, 0.0, counts=True)


def test_a_lost_worker_is_the_cause_even_if_the_deadline_has_passed_too() -> None:
    verdict = judge_lost(facts(deadline_passed=1, owner_lost=1), LIMITS, jitter=0.0)
    assert verdict == QueueAgain(OWNER, 0.0, counts=True)


def test_a_delivered_job_does_not_need_its_worker_any_more() -> None:
    assert judge_lost(facts(Stage.DELIVERED, owner_lost=1), LIMITS, jitter=0.0) == Keep()


def test_a_lost_result_counts_against_no_reclaim() -> None:
    verdict = judge_lost(facts(Stage.DELIVERED, deadline_passed=1, reclaims=3), LIMITS, jitter=0.0)
    assert verdict == QueueAgain(RESULT, 0.0, counts=False)


@pytest.mark.parametrize(
    ("retries", "lost_results", "given_up"),
    [(0, 1, False), (0, 2, True), (1, 2, False), (1, 3, False), (1, 4, True)],
)
def test_a_result_that_is_lost_for_ever_ends_the_job_and_a_retry_gives_it_as_many_tries_again(
    *, retries: int, lost_results: int, given_up: bool
) -> None:
    lost = facts(Stage.DELIVERED, deadline_passed=1, retries=retries, lost_results=lost_results)
    assert isinstance(judge_lost(lost, LIMITS, jitter=0.0), LostTooOften) is given_up


def test_indexing_is_never_judged_lost() -> None:
    lost = facts(Stage.INDEXING, owner_lost=1, deadline_passed=1)
    assert judge_lost(lost, LIMITS, jitter=0.0) == Keep()


@given(st.sampled_from([Stage.CLAIMED, Stage.DELIVERED]), st.floats(-1, 1), st.integers(0, 5))
def test_no_job_goes_round_for_ever(stage: Stage, jitter: float, retries: int) -> None:
    reclaims = lost_results = 0
    for _ in range(100):
        lost = facts(
            stage,
            owner_lost=1,
            deadline_passed=1,
            reclaims=reclaims,
            lost_results=lost_results,
            retries=retries,
        )
        verdict = judge_lost(lost, LIMITS, jitter=jitter)
        if isinstance(verdict, LostTooOften):
            return
        assert isinstance(verdict, QueueAgain)
        reclaims, lost_results = reclaims + verdict.counts, lost_results + (not verdict.counts)
    pytest.fail("still going round")
