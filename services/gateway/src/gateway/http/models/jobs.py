"""Shapes of jobs and runs."""

from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from gateway.core.runs import Progress as CoreProgress
from gateway.core.runs import WaitingFor, eta_seconds, progress_of, waiting_for
from gateway.core.sources import without_secrets
from gateway.http.models.common import Input, Json, Number, Output, Page, PageQuery, Text, Time
from shared.states import Handler, JobStatus, PruneState

if TYPE_CHECKING:
    from collections.abc import Container

    from shared.postgres.reads.records import JobRow

JobType = Literal["crawler", "page", "upload", "activate"]
LogLevel = Literal["debug", "info", "warning", "error"]
_MAX_ID = 2**63 - 1


class RunsQuery(PageQuery):
    """Which runs."""

    status: JobStatus | None = None
    source_id: UUID | None = None


class JobsQuery(PageQuery):
    """Which jobs; root jobs unless a parent is given."""

    status: JobStatus | None = None
    type: JobType | None = None
    parent_id: UUID | None = None


class LogsQuery(PageQuery):
    """Which lines of a log."""

    level: LogLevel = Field("debug", description="This level and those above it.")
    after: Number = Field(0, ge=0, le=_MAX_ID, description="Only lines behind this id.")


class FailedQuery(PageQuery):
    """Which failed units of work."""

    handler: Handler | None = None
    error_code: Text | None = Field(None, min_length=1, max_length=100)


class StartJob(Input):
    """A job to be started."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "crawler", "payload": {"url": "https://docs.example.org/", "depth": 2}}]
        }
    )

    type: Text = Field(description="crawler", max_length=100)
    payload: Json = Field(description="Of a crawler: url, and depth (how many links from it, 2 if left out).")


class CrawlerPayload(Input):
    """The payload of a crawler job."""

    url: Text = Field(min_length=1, max_length=4096)
    depth: int | None = Field(None, ge=0, le=100)


class CopyJob(Input):
    """A job to be done again, with other values."""

    payload: Json | None = Field(
        None, description="Fields of the payload to replace; of a crawl: url, depth."
    )


class CopiedCrawl(Input):
    """What may be replaced in a copy of a crawl."""

    url: Text | None = Field(None, min_length=1, max_length=4096)
    depth: int | None = Field(None, ge=0, le=100)


class RetryMany(Input):
    """Which failed jobs to retry: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error_code": "timeout"}, {"all": True}]})

    ids: list[UUID] | None = Field(None, min_length=1, max_length=1000)
    error_code: Text | None = Field(None, min_length=1, max_length=100)
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.ids, self.error_code, self.all)) != 1:
            raise ValueError("give exactly one of ids, error_code and all")
        return self


class PrunesQuery(PageQuery):
    """Which runs that found many pages gone."""

    state: PruneState | None = None
    source_id: UUID | None = None


class PruneDecision(Input):
    """What is to become of held pages."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"decision": "approve"}]})

    decision: Literal["approve", "reject"] = Field(
        description="approve: retire them, all but those that were found again since. reject: keep them."
    )


class Prune(Output):
    """What becomes of pages that a run found gone, where they were too many to be retired at once."""

    state: PruneState = Field(
        description="held: served until somebody decides. approved: being retired, or retired. rejected: kept. "
        "superseded: a later run has looked anew."
    )
    pages: int = Field(description="How many it found gone.")
    served: int = Field(description="How many the source served then.")
    retired: int = Field(description="How many are retired by now.")
    noted_at: Time
    decided_at: Time | None
    decided_by: str | None
    finished_at: Time | None = Field(description="When nothing was left to do about it.")


class PruneOfRun(Prune):
    """The same, with whose it is."""

    run_id: UUID
    source_id: UUID
    source_name: str


class PruneList(Page[PruneOfRun]):
    """Runs that found many pages gone, newest first."""


class PruneDecided(Output):
    """What became of a decision; of many pages the rest is retired in the background."""

    run_id: UUID
    state: PruneState
    pages: int
    retired: int


class Progress(Output):
    """Units of work by what became of them."""

    total: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    percent: int = Field(ge=0, le=100)

    @classmethod
    def of(cls, progress: "CoreProgress") -> Self:
        """From the figures."""
        return cls.model_validate(progress)


class Job(Output):
    """A job."""

    id: UUID
    parent_id: UUID | None
    type: str
    handler: Handler | None
    status: JobStatus
    error_code: str | None
    error: str | None = Field(description="A sentence for people.")
    http_status: int | None
    reason: str | None = Field(description="Why it was skipped.")
    duplicate_of: UUID | None = Field(description="The document that a skipped upload repeats.")
    attempt: int
    max_attempts: int
    retries: int
    progress: Progress
    waiting_for: WaitingFor | None
    config: Json
    stats: Json
    created_at: Time
    started_at: Time | None
    finished_at: Time | None

    @classmethod
    def of(cls, row: "JobRow", down: "Container[str]") -> Self:
        """From a row; ``down`` are the dependencies that do not answer now."""
        return cls(**_values(row, down))


class Run(Job):
    """A root job that ingests."""

    source_id: UUID | None
    document_id: UUID | None
    eta_seconds: float | None
    prune: Prune | None = Field(description="Pages that it found gone, where they were many.")

    @classmethod
    def of(cls, row: "JobRow", down: "Container[str]") -> Self:
        """From a row; ``down`` are the dependencies that do not answer now."""
        return cls(
            **_values(row, down),
            source_id=row.source_id,
            document_id=row.document_id,
            eta_seconds=eta_seconds(row),
            prune=None if row.prune is None else Prune.model_validate(row.prune),
        )


_SAME = (
    "id",
    "parent_id",
    "type",
    "handler",
    "status",
    "error_code",
    "error",
    "http_status",
    "reason",
    "duplicate_of",
    "attempt",
    "max_attempts",
    "retries",
    "created_at",
    "started_at",
    "finished_at",
)


def _values(row: "JobRow", down: "Container[str]") -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SAME} | {
        "progress": Progress.of(progress_of(row)),
        "waiting_for": waiting_for(row, down),
        "config": without_secrets(row.config),
        "stats": dict(row.stats),
    }


class JobList(Page[Job]):
    """Jobs, newest first."""


class RunList(Page[Run]):
    """Runs, newest first."""


class RunEvent(Output):
    """The data of a ``progress`` event."""

    status: JobStatus
    progress: Progress
    waiting_for: WaitingFor | None


class LogLine(Output):
    """A line of a job's log."""

    id: int
    job_id: UUID
    ts: Time
    level: LogLevel
    message: str
    fields: Json


class LogLineList(Page[LogLine]):
    """Lines of a log, in order."""


class FailedJob(Output):
    """A failed unit of ingestion work, with what replays it."""

    id: UUID
    source_id: UUID
    handler: Handler
    payload: Json
    error: str
    error_code: str
    retries: int
    retryable: bool
    next_retry_at: Time | None
    created_at: Time


class FailedJobList(Page[FailedJob]):
    """Failed units of work, newest first."""


class JobStarted(Output):
    """A job that was accepted."""

    job_id: UUID


class Retried(Output):
    """How many jobs were queued again; ``remaining`` are left for the next request, as this one took long."""

    retried: int
    remaining: int
