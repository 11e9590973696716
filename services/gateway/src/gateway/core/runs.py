"""What people are told about a job: how far it is, what it waits for, when it may be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from shared.states import TERMINAL, JobStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Container

    from shared.postgres.reads.records import JobRow

#: The types of root jobs that ingest: what /v1/ingestion-runs lists.
RUN_TYPES: Final = ("crawler", "upload", "activate")

_PARENT_TYPES: Final = frozenset({"crawler"})
_ALL: Final = 100


class WaitingFor(StrEnum):
    """Why an open job does not move."""

    WORKER = "worker"
    HOST = "host"
    EARLIER_VERSION = "earlier_version"
    WINDOW = "window"
    RETRY_AT = "retry_at"
    POSTGRES = "postgres"
    NSQD = "nsqd"
    WEAVIATE = "weaviate"
    EMBEDDER = "embedder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Units of work by what became of them; ``percent`` is 0 to 100, and 100 only at the end."""

    total: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    percent: int


def is_terminal(status: str) -> bool:
    """Whether only a retry leads out of this state."""
    return status in TERMINAL


def progress_of(job: JobRow) -> Progress:
    """Of a crawl its pages; any other job is its own one unit of work."""
    if job.type in _PARENT_TYPES:
        counts = {
            "total": job.total,
            "succeeded": job.succeeded,
            "failed": job.failed,
            "skipped": job.skipped,
            "cancelled": job.cancelled,
        }
    else:
        counts = {"total": 1} | {
            name: int(job.status == name) for name in ("succeeded", "failed", "skipped", "cancelled")
        }
    done = sum(counts.values()) - counts["total"]
    return Progress(**counts, percent=_percent(done, counts["total"], ended=is_terminal(job.status)))


def _percent(done: int, total: int, *, ended: bool) -> int:
    if ended:
        return _ALL
    return min(done * _ALL // total, _ALL - 1) if total else 0


def eta_seconds(job: JobRow) -> float | None:
    """Seconds until a crawl may be done, if the rest takes as long as what is done; None where nobody can tell."""
    if job.type not in _PARENT_TYPES or job.status != JobStatus.RUNNING or job.elapsed_seconds is None:
        return None
    done = job.succeeded + job.failed + job.skipped + job.cancelled
    if not done:
        return None
    return round(job.elapsed_seconds / done * (job.total - done), 1)


def waiting_for(job: JobRow, down: Container[str]) -> WaitingFor | None:
    """Why an open job does not move; None where it does, or has ended.

    Args:
        job: the job.
        down: names of the dependencies that do not do their part now.
    """
    if is_terminal(job.status) or job.unit_status is None:
        return None
    if WaitingFor.POSTGRES in down:  # rows can be read, or nobody would ask; it takes no writes
        return WaitingFor.POSTGRES
    if job.unit_status == JobStatus.RUNNING:
        return _held_up(job, down)
    # Of several reasons the one that would remain if all later ones were gone.
    reasons = (
        (WaitingFor.EARLIER_VERSION, job.earlier_open),
        (WaitingFor.RETRY_AT, job.unit_later),
        (WaitingFor.NSQD, "nsqd" in down),
        (WaitingFor.WORKER, job.unit_announced or not job.has_workers),
        (WaitingFor.HOST, job.unit_host_busy),
    )
    return next((reason for reason, holds in reasons if holds), WaitingFor.WINDOW)


def _held_up(job: JobRow, down: Container[str]) -> WaitingFor | None:
    if job.unit_stage == Stage.CLAIMED:
        return None
    if job.unit_stage == Stage.DELIVERED and WaitingFor.NSQD in down:
        return WaitingFor.NSQD
    if not job.has_consumers:
        return WaitingFor.WORKER
    # What this process sees, and what every consumer says that it waits for.
    names = (WaitingFor.WEAVIATE, WaitingFor.EMBEDDER)
    return next((name for name in names if name in down or name in job.consumers_wait_for), None)
