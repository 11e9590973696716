from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.runs import Progress, WaitingFor, eta_seconds, progress_of, waiting_for
from shared.states import TERMINAL, JobStatus
from unit.gateway.rows import crawl, job

COUNT = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", Progress(total=1, succeeded=0, failed=0, skipped=0, cancelled=0, percent=0)),
        ("running", Progress(total=1, succeeded=0, failed=0, skipped=0, cancelled=0, percent=0)),
        ("succeeded", Progress(total=1, succeeded=1, failed=0, skipped=0, cancelled=0, percent=100)),
        ("failed", Progress(total=1, succeeded=0, failed=1, skipped=0, cancelled=0, percent=100)),
        ("skipped", Progress(total=1, succeeded=0, failed=0, skipped=1, cancelled=0, percent=100)),
        ("cancelled", Progress(total=1, succeeded=0, failed=0, skipped=0, cancelled=1, percent=100)),
    ],
)
def test_an_upload_is_its_own_unit_of_work(status: str, expected: Progress) -> None:
    assert progress_of(job(status=status)) == expected


@given(st.sampled_from(JobStatus), COUNT, COUNT, COUNT, COUNT, COUNT)
def test_a_crawl_is_at_100_percent_exactly_when_it_has_ended(
    status: JobStatus, succeeded: int, failed: int, skipped: int, cancelled: int, still_open: int
) -> None:
    counts = {"succeeded": succeeded, "failed": failed, "skipped": skipped, "cancelled": cancelled}
    total = sum(counts.values()) + still_open
    progress = progress_of(crawl(status=status, total=total, **counts))
    assert 0 <= progress.percent <= 100
    assert (progress.percent == 100) == (status in TERMINAL)
    assert progress.total == total


@pytest.mark.parametrize(("done", "percent"), [(0, 0), (1, 0), (5, 2), (100, 50), (199, 99), (200, 99)])
def test_percent_counts_pages_and_never_rounds_up(done: int, percent: int) -> None:
    assert progress_of(crawl(status="running", total=200, succeeded=done)).percent == percent


def test_the_rest_is_expected_to_take_as_long_as_what_is_done() -> None:
    row = crawl(status="running", total=10, succeeded=3, skipped=1, elapsed_seconds=8.0)
    assert eta_seconds(row) == 12.0


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "queued", "elapsed_seconds": None},
        {"status": "running", "elapsed_seconds": 5.0, "succeeded": 0},
        {"status": "succeeded", "elapsed_seconds": 5.0, "succeeded": 1},
        {"status": "running", "elapsed_seconds": 5.0, "type": "upload"},
    ],
)
def test_where_nobody_can_tell_there_is_no_estimate(changes: dict[str, Any]) -> None:
    assert eta_seconds(crawl(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "down", "reason"),
    [
        ({}, set(), WaitingFor.WINDOW),
        ({"unit_host_busy": True}, set(), WaitingFor.HOST),
        ({"unit_announced": True}, set(), WaitingFor.WORKER),
        ({"has_workers": False}, set(), WaitingFor.WORKER),
        ({"unit_later": True}, set(), WaitingFor.RETRY_AT),
        ({"unit_later": True}, {"nsqd"}, WaitingFor.RETRY_AT),
        ({"earlier_open": True, "unit_later": True}, set(), WaitingFor.EARLIER_VERSION),
        ({}, {"nsqd"}, WaitingFor.NSQD),
        ({"unit_announced": True}, {"nsqd"}, WaitingFor.NSQD),
        ({}, {"weaviate"}, WaitingFor.WINDOW),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "claimed"},
            {"weaviate", "nsqd"},
            None,
        ),
        ({"status": "running", "unit_status": "running", "unit_stage": "delivered"}, set(), None),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "delivered"},
            {"nsqd"},
            WaitingFor.NSQD,
        ),
        ({}, {"postgres"}, WaitingFor.POSTGRES),
        ({"unit_later": True, "earlier_open": True}, {"postgres", "nsqd"}, WaitingFor.POSTGRES),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "claimed"},
            {"postgres"},
            WaitingFor.POSTGRES,
        ),
        (
            {
                "status": "running",
                "unit_status": "running",
                "unit_stage": "delivered",
                "has_consumers": False,
            },
            set(),
            WaitingFor.WORKER,
        ),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "indexing", "has_consumers": False},
            {"weaviate"},
            WaitingFor.WORKER,
        ),
        (
            {
                "status": "running",
                "unit_status": "running",
                "unit_stage": "indexing",
                "consumers_wait_for": ["weaviate"],
            },
            set(),
            WaitingFor.WEAVIATE,
        ),
        (
            {
                "status": "running",
                "unit_status": "running",
                "unit_stage": "indexing",
                "consumers_wait_for": ["embedder"],
            },
            set(),
            WaitingFor.EMBEDDER,
        ),
        (
            {
                "status": "running",
                "unit_status": "running",
                "unit_stage": "claimed",
                "has_consumers": False,
                "consumers_wait_for": ["embedder"],
            },
            set(),
            None,
        ),
        ({"status": "running", "unit_status": "running", "unit_stage": "indexing"}, set(), None),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "indexing"},
            {"weaviate"},
            WaitingFor.WEAVIATE,
        ),
        (
            {"status": "running", "unit_status": "running", "unit_stage": "indexing"},
            {"embedder"},
            WaitingFor.EMBEDDER,
        ),
        ({"status": "running", "unit_status": None}, {"weaviate", "nsqd"}, None),
        ({"status": "succeeded"}, {"nsqd"}, None),
        ({"status": "skipped", "earlier_open": True}, set(), None),
    ],
)
def test_an_open_job_says_what_it_waits_for(
    changes: dict[str, Any], down: set[str], reason: WaitingFor | None
) -> None:
    assert waiting_for(job(**changes), down) is reason
