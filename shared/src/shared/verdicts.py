"""What becomes of a delivered result, decided on facts that were read under the locks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from shared.errors import ErrorCode
from shared.retry import GiveUp, RetryPolicy, TryAgain, decide
from shared.states import Handler, JobStatus, Reason, Stage

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.messages import FailureReport, ResultMessage

_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

#: A page that is not the seed and may not or need not be fetched is no failure of the run.
_NOT_WANTED: Final = {
    ErrorCode.ROBOTS_DISALLOWED: Reason.ROBOTS,
    ErrorCode.BLOCKED_ADDRESS: Reason.BLOCKED,
    ErrorCode.UNSUPPORTED_TYPE: Reason.TYPE,
}

#: Skipped for one of these, a page has nothing (any more) that may be served.
RETIRING: Final = frozenset({Reason.GONE, Reason.ROBOTS, Reason.CANONICAL, Reason.SCOPE, Reason.TYPE})


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneLimits:
    """When so much of a source is gone that a person shall say whether it really is.

    Attributes:
        pages: a run that misses no more documents than these retires them.
        share: nor does one ask that misses no larger part of what is served, 0 to 1.
    """

    pages: int = 20
    share: float = 0.5

    def hold(self, missed: int, served: int) -> bool:
        """Whether the documents are kept until somebody decides: both limits are exceeded."""
        return missed > self.pages and missed > self.share * served


#: As the settings have it. Only what cannot retire anything may take these instead of what it was given.
USUAL_PRUNE_LIMITS: Final = PruneLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """The job's row, as locked."""

    status: JobStatus
    stage: Stage | None
    epoch: int
    attempt: int
    max_attempts: int
    retries: int
    is_seed: bool
    source_is_live: bool
    run_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFacts:
    """What is being served that this result could repeat or replace.

    Attributes:
        active_hash: content hash of the document's active version, None without one.
        active_run_seq: the place of the run that made it, in the order of acceptance.
        duplicate_of: another document of the same group that is active with the same bytes (uploads).
        owner_elsewhere: another job of the same run stands for the page that this one turned out to be.
    """

    active_hash: str | None = None
    active_run_seq: int | None = None
    duplicate_of: UUID | None = None
    owner_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """The try is over, or its source is going: drop the result."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to store."""

    reason: Reason
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """A transient failure: queue it again."""

    after_seconds: float
    failure: FailureReport


@dataclass(frozen=True, slots=True)
class Fail:
    """It has failed."""

    failure: FailureReport
    dead_retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Store its content as a staged version."""


Verdict = Late | Skip | Again | Fail | Keep


def is_late(message: ResultMessage, job: JobFacts | None) -> bool:
    """Whether the row has moved on: another epoch, an ended job, a set that is complete already, a dying source."""
    return (
        job is None
        or job.epoch != message.epoch
        or job.status != JobStatus.RUNNING
        or job.stage not in {Stage.CLAIMED, Stage.DELIVERED}
        or not job.source_is_live
    )


def judge(
    message: ResultMessage, job: JobFacts | None, content: ContentFacts, policy: RetryPolicy, *, jitter: float
) -> Verdict:
    """What becomes of this result; ``jitter`` is from -1 to 1."""
    if job is None or is_late(message, job):
        return Late()
    if message.failure is not None:
        return _judge_failure(message.failure, job, policy, jitter)
    reason = _reason_to_skip(message, job, content)
    return Skip(reason) if reason else _judge_content(message, content)


def _reason_to_skip(message: ResultMessage, job: JobFacts, content: ContentFacts) -> Reason | None:
    if message.skipped is not None:
        return Reason(message.skipped)
    if content.active_run_seq is not None and content.active_run_seq > job.run_seq:
        return Reason.SUPERSEDED
    if content.owner_elsewhere:
        return Reason.CANONICAL
    if message.page is not None and message.page.not_modified:
        return Reason.UNCHANGED
    if message.page is not None and message.page.noindex:
        return Reason.ROBOTS
    return None


def _judge_content(message: ResultMessage, content: ContentFacts) -> Verdict:
    if message.content is not None and message.content.content_hash == content.active_hash:
        file = message.handler == Handler.FILE
        return Skip(Reason.DUPLICATE if file else Reason.UNCHANGED, content.duplicate_of)
    if content.duplicate_of is not None:
        return Skip(Reason.DUPLICATE, content.duplicate_of)
    return Keep()


def _judge_failure(failure: FailureReport, job: JobFacts, policy: RetryPolicy, jitter: float) -> Verdict:
    if not job.is_seed:
        if failure.http_status in _GONE:
            return Skip(Reason.GONE)
        if failure.code in _NOT_WANTED:
            return Skip(_NOT_WANTED[failure.code])
    decision = decide(
        policy,
        retryable=failure.retryable,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        retries=job.retries,
        retry_after_seconds=failure.retry_after_seconds,
        jitter=jitter,
    )
    match decision:
        case TryAgain(after_seconds):
            return Again(after_seconds, failure)
        case GiveUp(dead_retry_after_seconds):
            return Fail(failure, dead_retry_after_seconds)
