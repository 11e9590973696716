"""Shapes of jobs and runs."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from quern.models.common import JobStatus, Model

LogLevel = Literal["debug", "info", "warning", "error"]
HandlerName = Literal["web", "file"]
PruneState = Literal["held", "approved", "rejected", "superseded"]


class Progress(Model):
    """Units of work by what became of them; ``percent`` is 0 to 100."""

    total: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    percent: int

    @property
    def done(self) -> int:
        """How many units have ended."""
        return self.succeeded + self.failed + self.skipped + self.cancelled


class Job(Model):
    """A job.

    Attributes:
        error: a sentence for people; ``error_code`` is its stable name.
        waiting_for: why an open job does not move (worker, host, window, retry_at, postgres, …).
        reason: why it was skipped.
        duplicate_of: the document that a skipped upload repeats.
    """

    id: UUID
    parent_id: UUID | None
    type: str
    handler: str | None
    status: JobStatus
    error_code: str | None
    error: str | None
    http_status: int | None = None
    reason: str | None = None
    duplicate_of: UUID | None = None
    attempt: int
    max_attempts: int
    retries: int
    progress: Progress
    waiting_for: str | None
    config: dict[str, Any]
    stats: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Prune(Model):
    """What becomes of pages that a run found gone, where they were too many to be retired at once."""

    state: PruneState
    pages: int
    served: int
    retired: int
    noted_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    finished_at: datetime | None


class PruneOfRun(Prune):
    """The same, with whose it is."""

    run_id: UUID
    source_id: UUID
    source_name: str


class PruneDecided(Model):
    """What became of a decision; of many pages the rest is retired in the background."""

    run_id: UUID
    state: PruneState
    pages: int
    retired: int


class Run(Job):
    """A root job that ingests; ``prune`` tells of pages that it found gone, where they were many."""

    source_id: UUID | None
    document_id: UUID | None
    eta_seconds: float | None
    prune: Prune | None = None


class RunProgress(Model):
    """How far a run is: the data of a ``progress`` event."""

    status: JobStatus
    progress: Progress
    waiting_for: str | None


class LogLine(Model):
    """A line of a job's log."""

    id: int
    job_id: UUID
    ts: datetime
    level: LogLevel
    message: str
    fields: dict[str, Any]


class FailedJob(Model):
    """A failed unit of ingestion work, with the payload that replays it."""

    id: UUID
    source_id: UUID
    handler: str
    payload: dict[str, Any]
    error: str
    error_code: str
    retries: int
    retryable: bool
    next_retry_at: datetime | None
    created_at: datetime


class JobStarted(Model):
    """A job that was accepted."""

    job_id: UUID


class RunStarted(Model):
    """A run that was accepted."""

    run_id: UUID


class Retried(Model):
    """How many jobs were queued again; ``remaining`` are left for another request."""

    retried: int
    remaining: int = 0
