"""What reading queries give: frozen rows, as Postgres has them. What people are told is derived elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A part of a list, and how many items the whole has."""

    items: list[T]
    total: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted."""

    limit: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A source with what its status is derived from; ``row_status`` is live or deleting."""

    id: UUID
    type: str
    name: str
    url: str | None
    file_name: str | None
    group_id: UUID
    schedule: str | None
    config: Mapping[str, Any]
    header_names: list[str]
    created_at: datetime
    updated_at: datetime
    row_status: str
    documents: int
    chunks: int
    last_run_id: UUID | None
    last_run_status: str | None
    last_run_finished_at: datetime | None
    has_running: bool
    has_queued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """One URL of the coverage ledger."""

    url: str
    status: str
    reason: str | None
    depth: int
    http_status: int | None
    content_hash: str | None
    document_id: UUID | None
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRow:
    """A crawl that found more pages gone than were retired at once."""

    run_id: UUID
    source_id: UUID
    source_name: str
    state: str
    pages: int
    served: int
    retired: int
    noted_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessageRow:
    """A message that could not be understood; ``body`` is what is kept of it, or its beginning."""

    id: UUID
    topic: str
    channel: str
    message_id: str
    reason: str
    body: bytes
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A document with its active version."""

    id: UUID
    source_id: UUID
    source_uri: str
    title: str
    url: str | None
    content_type: str | None
    language: str | None
    status: str
    active_version_id: UUID | None
    chunks: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version that was served once."""

    id: UUID
    version_label: str | None
    content_hash: str
    is_active: bool
    chunks: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRow:
    """A chunk at its place in a version."""

    chunk_id: UUID
    ordinal: int
    text: str
    heading_path: list[str]
    page: int | None
    row: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job with what progress and waiting_for are derived from.

    ``unit_*`` describe the unit of work that an open job waits for: the job itself, or of a crawl the page that is
    furthest; None where there is none. ``consumers_wait_for`` names the dependencies that every living consumer misses.
    """

    id: UUID
    parent_id: UUID | None
    source_id: UUID | None
    document_id: UUID | None
    type: str
    handler: str | None
    status: str
    error_code: str | None
    error: str | None
    http_status: int | None
    reason: str | None
    duplicate_of: UUID | None
    attempt: int
    max_attempts: int
    retries: int
    total: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    config: Mapping[str, Any]
    stats: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    elapsed_seconds: float | None
    unit_status: str | None
    unit_stage: str | None
    unit_announced: bool
    unit_later: bool | None
    unit_host_busy: bool | None
    earlier_open: bool
    has_workers: bool
    has_consumers: bool
    consumers_wait_for: Sequence[str]
    prune: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """A line of a job's log."""

    id: int
    job_id: UUID
    ts: datetime
    level: str
    message: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJobRow:
    """A failed unit of ingestion work."""

    id: UUID
    source_id: UUID
    handler: str
    payload: Mapping[str, Any]
    error: str
    error_code: str
    retries: int
    retryable: bool
    next_retry_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A group with the number of its sources."""

    id: UUID
    name: str
    sources: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRow:
    """The three figures of the front page."""

    sources: int
    documents: int
    failed_jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """Sums over the ledger, whether the rows agree with them, and what the audit found last."""

    accepted: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    in_flight: int
    balanced: bool
    checked_at: datetime | None
    missing: int
    orphans: int
    repaired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """A process of the installation; not ``alive`` means that its lease ran out a moment ago."""

    kind: str
    alive: bool
    started_at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """A hit that may be shown."""

    object_id: UUID
    chunk_id: UUID
    text: str
    heading_path: list[str]
    title: str
    url: str | None
    language: str | None
    source_id: UUID
    document_id: UUID
    version_id: UUID
    ordinal: int
