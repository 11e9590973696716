"""Answers as the contract has them, as plain JSON: written by hand, so that they do not follow the client."""

from __future__ import annotations

import itertools
from typing import Any

Json = dict[str, Any]
MOMENT = "2026-11-22T10:00:00.123456Z"
LATER = "2026-11-22T10:00:09Z"

_numbers = itertools.count(1)


def new_id() -> str:
    return f"01930000-0000-7000-8000-{next(_numbers):012x}"


def progress(total: int = 1, succeeded: int = 0, failed: int = 0, percent: int = 0) -> Json:
    return {
        "total": total,
        "succeeded": succeeded,
        "failed": failed,
        "skipped": 0,
        "cancelled": 0,
        "percent": percent,
    }


def run(source_id: str | None, status: str = "queued", **changes: Any) -> Json:
    ended = status not in {"queued", "running"}
    return {
        "id": new_id(),
        "parent_id": None,
        "type": "upload",
        "handler": "file",
        "status": status,
        "error_code": None,
        "error": None,
        "http_status": None,
        "reason": None,
        "duplicate_of": None,
        "attempt": 1,
        "max_attempts": 3,
        "retries": 0,
        "progress": progress(succeeded=int(status == "succeeded"), percent=100 if ended else 0),
        "waiting_for": None if ended else "worker",
        "config": {},
        "stats": {},
        "created_at": MOMENT,
        "started_at": MOMENT if ended else None,
        "finished_at": LATER if ended else None,
        "source_id": source_id,
        "document_id": None,
        "eta_seconds": None,
        "prune": None,
        **changes,
    }


def prune(**changes: Any) -> Json:
    return {
        "state": "held",
        "pages": 30,
        "served": 31,
        "retired": 0,
        "noted_at": MOMENT,
        "decided_at": None,
        "decided_by": None,
        "finished_at": None,
        **changes,
    }


def page_of_source(url: str, **changes: Any) -> Json:
    return {
        "url": url,
        "status": "skipped",
        "reason": "gone",
        "depth": 1,
        "http_status": 404,
        "content_hash": None,
        "document_id": new_id(),
        "fetched_at": MOMENT,
        **changes,
    }


def dead_message(**changes: Any) -> Json:
    return {
        "id": new_id(),
        "topic": "ingest.task",
        "channel": "worker",
        "message_id": "0a1b2c3d4e5f6071",
        "reason": "TaskMessage: JSON is malformed",
        "size_bytes": 8,
        "preview": "not JSON",
        "created_at": MOMENT,
        **changes,
    }


def rebuild(source_id: str | None, **changes: Any) -> Json:
    return {
        "id": new_id(),
        "source_id": source_id,
        "requested_at": MOMENT,
        "finished_at": None,
        "reason": None,
        "total": 7,
        "done": 0,
        **changes,
    }


def source(type_: str = "web", **changes: Any) -> Json:
    return {
        "id": new_id(),
        "type": type_,
        "name": "Guide",
        "url": "https://docs.example.org/" if type_ == "web" else None,
        "file_name": None if type_ == "web" else "guide.pdf",
        "group_id": new_id(),
        "status": "idle",
        "schedule": None,
        "crawl": None,
        "documents": 3,
        "chunks": 40,
        "last_run": None,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        **changes,
    }


def failed_job(source_id: str, **changes: Any) -> Json:
    return {
        "id": new_id(),
        "source_id": source_id,
        "handler": "file",
        "payload": {"upload_uri": "file:///data/uploads/x"},
        "error": "The file is damaged.",
        "error_code": "corrupt_file",
        "retries": 0,
        "retryable": False,
        "next_retry_at": None,
        "created_at": MOMENT,
        **changes,
    }


def hit(source_id: str, **changes: Any) -> Json:
    return {
        "chunk_id": new_id(),
        "text": "Run the installer and follow its questions.",
        "score": 0.8125,
        "title": "Installation",
        "url": "https://docs.example.org/install",
        "heading_path": ["Installation", "On Linux"],
        "source_id": source_id,
        "document_id": new_id(),
        "version_id": new_id(),
        "ordinal": 0,
        **changes,
    }


def ledger(**changes: Any) -> Json:
    return {
        "accepted": 10,
        "succeeded": 8,
        "failed": 1,
        "cancelled": 0,
        "skipped": 1,
        "in_flight": 0,
        "balanced": True,
        "audit": {"checked_at": None, "missing": 0, "orphans": 0, "repaired": 0},
        **changes,
    }


def system(**components: str) -> Json:
    names = ("postgres", "nsqd", "weaviate", "workers", "consumers", "janitor")
    return {
        "components": {
            name: {"status": components.get(name, "up"), "detail": f"about {name}", "since": MOMENT}
            for name in names
        },
        "queues": [queue("ingest.task", "worker"), queue("ingest.dead", "operator")],
        "versions": {"gateway": "0.1.0", "postgres": "18.4"},
    }


def queue(topic: str, channel: str, depth: int = 0) -> Json:
    return {"topic": topic, "channel": channel, "depth": depth, "in_flight": 0, "deferred": 0}


def page(items: list[Json], query: Any = None) -> Json:
    limit, offset = int((query or {}).get("limit", 50)), int((query or {}).get("offset", 0))
    return {
        "items": items[offset : offset + limit],
        "total": len(items),
        "limit": limit,
        "offset": offset,
    }


def problem(status: int, code: str, detail: str, **members: Any) -> Json:
    return {
        "type": f"urn:quern:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "req-1",
        **members,
    }
