"""Examples of what operators look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story
from gateway.http.models import limits, rebuilds, system
from shared.contracts.topics import INGEST_TASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_UP: Final[dict[str, Any]] = {"status": "up", "detail": "", "since": story.BEGAN}
_DEAD: Final[dict[str, Any]] = {
    "id": story.MESSAGE,
    "topic": INGEST_TASK.name,
    "channel": "worker",
    "message_id": "0c1a2b3c4d5e6f70",
    "reason": "The message is not JSON.",
    "size_bytes": 8,
    "preview": "nonsense",
    "created_at": story.LATER,
}

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    rebuilds.RebuildInput: {"source_id": story.SOURCE},
    rebuilds.Rebuild: {
        "id": story.REBUILD,
        "source_id": story.SOURCE,
        "requested_at": story.BEGAN,
        "finished_at": None,
        "reason": None,
        "total": 612,
        "done": 500,
    },
    system.Stats: {"sources": 2, "documents": 42, "failed_jobs": 1},
    system.System: {
        "components": {
            "postgres": _UP,
            "nsqd": _UP,
            "weaviate": {**_UP, "status": "down", "detail": "does not answer"},
            "workers": {**_UP, "detail": "2 at work"},
            "consumers": {**_UP, "status": "degraded", "detail": "waits for weaviate"},
            "janitor": {**_UP, "detail": "1 at work"},
        },
        "queues": [
            {"topic": INGEST_TASK.name, "channel": "worker", "depth": 3, "in_flight": 2, "deferred": 0},
        ],
        "versions": {"quern": "0.1.0", "python": "3.11.7", "postgres": "18.1"},
    },
    system.Ledger: {
        "accepted": 61,
        "succeeded": 42,
        "failed": 1,
        "cancelled": 0,
        "skipped": 3,
        "in_flight": 15,
        "balanced": True,
        "audit": {"checked_at": story.ENDED, "missing": 0, "orphans": 0, "repaired": 0},
    },
    system.DeadMessage: _DEAD,
    system.DeadMessageDetail: {**_DEAD, "body_base64": "bm9uc2Vuc2U="},
    limits.Limits: {
        "allowed": {
            "sources": 10_000,
            "pages_per_crawl": 100_000,
            "stored_bytes": 107_374_182_400,
            "requests_per_second": 300,
            "requests_burst": 1000,
            "jobs_in_flight": 200,
        },
        "used": {"sources": 12, "stored_bytes": 48_318_382, "jobs_in_flight": 15},
    },
    system.Health: {"status": "up"},
    system.Ready: {
        "status": "down",
        "reason": "weaviate: does not answer",
        "dependencies": {
            "postgres": _UP,
            "weaviate": {"status": "down", "detail": "does not answer", "since": story.LATER},
        },
    },
}
