"""The states of work, as CONTRACT and the schema spell them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class JobStatus(StrEnum):
    """Of jobs, runs and pages alike."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


#: A retry alone leads out of these.
TERMINAL: Final = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SKIPPED})


class Stage(StrEnum):
    """Where a running job is."""

    CLAIMED = "claimed"
    DELIVERED = "delivered"
    INDEXING = "indexing"


class Reason(StrEnum):
    """Why a job or page was skipped."""

    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"
    ROBOTS = "robots"
    BLOCKED = "blocked"
    SCOPE = "scope"
    PATTERN = "pattern"
    DEPTH = "depth"
    MAX_PAGES = "max_pages"
    TYPE = "type"
    GONE = "gone"
    CANONICAL = "canonical"


class PruneState(StrEnum):
    """Of documents that a run found gone and did not retire at once."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Handler(StrEnum):
    """Who works on a unit of ingestion work."""

    WEB = "web"
    FILE = "file"
