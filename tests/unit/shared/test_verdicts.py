from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.contracts.messages import ContentReport, FailureReport, PageReport, ResultMessage
from shared.errors import ErrorCode
from shared.retry import RetryPolicy
from shared.states import Handler, JobStatus, Reason, Stage
from shared.verdicts import Again, ContentFacts, Fail, JobFacts, Keep, Late, Skip, Verdict, judge

POLICY = RetryPolicy(base_seconds=1, dead_base_seconds=0, dead_retries_max=0)
KEY = "https://site.test/"


def facts(**known: Any) -> JobFacts:
    usual: dict[str, Any] = {
        "status": JobStatus.RUNNING,
        "stage": Stage.CLAIMED,
        "epoch": 2,
        "attempt": 1,
        "max_attempts": 3,
        "retries": 0,
        "is_seed": False,
        "source_is_live": True,
        "run_seq": 10,
    }
    return JobFacts(**usual | known)


def message(**fields: Any) -> ResultMessage:
    usual: dict[str, Any] = {
        "job_id": UUID(int=1),
        "epoch": 2,
        "tenant_id": UUID(int=2),
        "handler": Handler.WEB,
        "payload": {},
    }
    return ResultMessage(**usual | fields)


def page(**fields: Any) -> PageReport:
    usual: dict[str, Any] = {"asked_key": KEY, "final_url": KEY, "final_key": KEY}
    return PageReport(**usual | fields)


def content(hash_: str = "new") -> ContentReport:
    return ContentReport(title="t", content_type="text/html", content_hash=hash_)


def verdict(what: ResultMessage, job: JobFacts | None = None, known: ContentFacts | None = None) -> Verdict:
    return judge(what, job or facts(), known or ContentFacts(), POLICY, jitter=0.0)


GOOD = message(page=page(), content=content())


@pytest.mark.parametrize(
    "job",
    [
        facts(epoch=3),
        facts(epoch=1),
        facts(status=JobStatus.CANCELLED, stage=None),
        facts(status=JobStatus.QUEUED, stage=None),
        facts(stage=Stage.INDEXING),
        facts(source_is_live=False),
    ],
)
def test_a_result_whose_row_has_moved_on_is_late(job: JobFacts) -> None:
    assert verdict(GOOD, job) == Late()


def test_a_result_of_no_job_is_late() -> None:
    assert judge(GOOD, None, ContentFacts(), POLICY, jitter=0) == Late()


def test_new_content_is_kept() -> None:
    assert verdict(GOOD) == Keep()
    assert verdict(GOOD, known=ContentFacts(active_hash="old", active_run_seq=9)) == Keep()


def test_content_that_is_served_already_is_unchanged_or_a_duplicate() -> None:
    active = ContentFacts(active_hash="new", active_run_seq=9)
    assert verdict(GOOD, known=active) == Skip(Reason.UNCHANGED)
    assert verdict(message(handler=Handler.FILE, content=content()), known=active) == Skip(Reason.DUPLICATE)
    twin = ContentFacts(duplicate_of=UUID(int=7))
    assert verdict(message(handler=Handler.FILE, content=content()), known=twin) == Skip(
        Reason.DUPLICATE, UUID(int=7)
    )


def test_what_was_accepted_later_wins() -> None:
    newer = ContentFacts(active_hash="other", active_run_seq=11)
    assert verdict(GOOD, known=newer) == Skip(Reason.SUPERSEDED)


def test_reasons_to_keep_nothing_of_a_page() -> None:
    assert verdict(message(page=page(not_modified=True))) == Skip(Reason.UNCHANGED)
    assert verdict(message(page=page(noindex=True))) == Skip(Reason.ROBOTS)
    assert verdict(message(skipped="scope")) == Skip(Reason.SCOPE)
    assert verdict(GOOD, known=ContentFacts(owner_elsewhere=True)) == Skip(Reason.CANONICAL)


def failure(code: ErrorCode, *, retryable: bool = False, status: int | None = None) -> ResultMessage:
    report = FailureReport(code=code, sentence="No.", retryable=retryable, http_status=status)
    return message(failure=report)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (failure(ErrorCode.HTTP_ERROR, status=404), Reason.GONE),
        (failure(ErrorCode.HTTP_ERROR, status=410), Reason.GONE),
        (failure(ErrorCode.ROBOTS_DISALLOWED), Reason.ROBOTS),
        (failure(ErrorCode.BLOCKED_ADDRESS), Reason.BLOCKED),
        (failure(ErrorCode.UNSUPPORTED_TYPE), Reason.TYPE),
    ],
)
def test_a_page_that_is_not_wanted_fails_only_as_the_seed(result: ResultMessage, reason: Reason) -> None:
    assert verdict(result) == Skip(reason)
    assert isinstance(verdict(result, facts(is_seed=True)), Fail)


def test_a_transient_failure_comes_again_until_it_is_dead() -> None:
    result = failure(ErrorCode.UNREACHABLE, retryable=True)
    again = verdict(result)
    assert isinstance(again, Again)
    assert again.after_seconds == 1
    assert isinstance(verdict(result, facts(attempt=3)), Fail)
