"""What people are told about a job: how far it is, what it waits for, when it may be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from shared.states import ERRANDS, TERMINAL, ErrandType, JobStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Container

    from shared.postgres.reads.records import JobRow

#: Those that count units of work; any other is its own one.
_COUNTING_TYPES: Final = frozenset({"crawler"}) | ERRANDS
_ENDED_EARLY: Final = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
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
    """Of a crawl its pages, of an errand what it goes through; any other job is its own one unit of work."""
    if job.type in _COUNTING_TYPES:
        counts = {
            "total": job.total,
            "succeeded": job.succeeded,
            "failed": job.failed,
            "skipped": job.skipped,
            "cancelled": job.cancelled,
        } | _left(job)
    else:
        counts = {"total": 1} | {
            name: int(job.status == name) for name in ("succeeded", "failed", "skipped", "cancelled")
        }
    done = sum(counts.values()) - counts["total"]
    return Progress(**counts, percent=_percent(done, counts["total"], ended=is_terminal(job.status)))


def _left(job: JobRow) -> dict[str, int]:
    """What an errand that ended early has not come to shares its fate."""
    if job.type not in ERRANDS or job.status not in _ENDED_EARLY:
        return {}
    name = str(job.status)
    left = job.total - job.succeeded - job.failed - job.skipped - job.cancelled
    return {name: getattr(job, name) + max(0, left)}


def _percent(done: int, total: int, *, ended: bool) -> int:
    if ended:
        return _ALL
    return min(done * _ALL // total, _ALL - 1) if total else 0


def eta_seconds(job: JobRow) -> float | None:
    """Seconds until a crawl may be done, if the rest takes as long as what is done; None where nobody can tell."""
    if job.type not in _COUNTING_TYPES or job.status != JobStatus.RUNNING or job.elapsed_seconds is None:
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
    if job.type in ERRANDS:
        return _errand_waits(job, down)
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


def _errand_waits(job: JobRow, down: Container[str]) -> WaitingFor | None:
    """Of an errand: no message is involved, and the janitor is its worker."""
    if job.unit_status != JobStatus.RUNNING:
        if job.unit_later:
            return WaitingFor.RETRY_AT
        return WaitingFor.WINDOW if job.has_janitors else WaitingFor.WORKER
    if job.type != ErrandType.REEMBED:
        return None
    return WaitingFor.WORKER if not job.has_consumers else _missed(job, down)


def _held_up(job: JobRow, down: Container[str]) -> WaitingFor | None:
    if job.unit_stage == Stage.CLAIMED:
        return None
    if job.unit_stage == Stage.DELIVERED and WaitingFor.NSQD in down:
        return WaitingFor.NSQD
    if not job.has_consumers:
        return WaitingFor.WORKER
    return _missed(job, down)


def _missed(job: JobRow, down: Container[str]) -> WaitingFor | None:
    """What this process sees, and what every consumer says that it waits for."""
    names = (WaitingFor.WEAVIATE, WaitingFor.EMBEDDER)
    return next((name for name in names if name in down or name in job.consumers_wait_for), None)
