"""Examples of jobs and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story
from gateway.http.models import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_PROGRESS: Final[dict[str, Any]] = {
    "total": 60,
    "succeeded": 41,
    "failed": 1,
    "skipped": 3,
    "cancelled": 0,
    "percent": 75,
}
_JOB: Final[dict[str, Any]] = {
    "id": story.RUN,
    "parent_id": None,
    "type": "crawler",
    "handler": None,
    "status": "running",
    "error_code": None,
    "error": None,
    "http_status": None,
    "reason": None,
    "duplicate_of": None,
    "attempt": 1,
    "max_attempts": 3,
    "retries": 0,
    "progress": _PROGRESS,
    "waiting_for": None,
    "config": {"max_depth": 3, "max_pages": 1000},
    "stats": {},
    "created_at": story.BEGAN,
    "started_at": story.LATER,
    "finished_at": None,
}
RUN: Final[dict[str, Any]] = {
    **_JOB,
    "source_id": story.SOURCE,
    "document_id": None,
    "eta_seconds": 29.0,
    "prune": None,
}
_PRUNE: Final[dict[str, Any]] = {
    "state": "held",
    "pages": 38,
    "served": 41,
    "retired": 0,
    "noted_at": story.ENDED,
    "decided_at": None,
    "decided_by": None,
    "finished_at": None,
}

EVENTS: Final = (
    "event: progress\n"
    "id: 0\n"
    'data: {"status":"running","progress":{"total":60,"succeeded":41,"failed":1,"skipped":3,"cancelled":0,'
    '"percent":75},"waiting_for":null}\n\n'
    "event: log\n"
    "id: 4711\n"
    f'data: {{"id":4711,"job_id":"{story.JOB}","ts":"{story.LATER}","level":"info","message":"page stored",'
    '"fields":{}}\n\n'
)

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    jobs.Job: _JOB,
    jobs.Run: RUN,
    jobs.StartJob: {"type": "crawler", "payload": {"url": story.URL, "depth": 2}},
    jobs.CopyJob: {"payload": {"depth": 4}},
    jobs.JobStarted: {"job_id": story.JOB},
    jobs.LogLine: {
        "id": 4711,
        "job_id": story.JOB,
        "ts": story.LATER,
        "level": "info",
        "message": "page stored",
        "fields": {"chunks": 14},
    },
    jobs.FailedJob: {
        "id": story.JOB,
        "source_id": story.SOURCE,
        "handler": "web",
        "payload": {"url": story.PAGE_URL, "depth": 1},
        "error": "The server did not answer within 30 seconds.",
        "error_code": "timeout",
        "retries": 1,
        "retryable": True,
        "next_retry_at": story.ENDED,
        "created_at": story.LATER,
    },
    jobs.RetryMany: {"error_code": "timeout"},
    jobs.Retried: {"retried": 12, "remaining": 0},
    jobs.PruneOfRun: {
        **_PRUNE,
        "run_id": story.RUN,
        "source_id": story.SOURCE,
        "source_name": "Handbook",
    },
    jobs.PruneDecided: {"run_id": story.RUN, "state": "approved", "pages": 38, "retired": 38},
}
