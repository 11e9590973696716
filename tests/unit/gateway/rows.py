"""Rows for tests, complete and changeable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.contracts.caller import Caller
from shared.postgres.reads.records import JobRow, LogRow, SourceRow

MOMENT = datetime(2026, 11, 22, 10, tzinfo=UTC)
TENANT = UUID("00000000-0000-7000-8000-000000000001")
CALLER = Caller(tenant_id=TENANT, tenant_slug="default", actor="anonymous", request_id="req-1")


def an_id(number: int) -> UUID:
    return UUID(f"01930000-0000-7000-8000-{number:012x}")


def job(**changes: Any) -> JobRow:
    values: dict[str, Any] = {
        "id": an_id(1),
        "parent_id": None,
        "source_id": an_id(2),
        "document_id": None,
        "type": "upload",
        "handler": "file",
        "status": "queued",
        "error_code": None,
        "error": None,
        "http_status": None,
        "reason": None,
        "duplicate_of": None,
        "attempt": 1,
        "max_attempts": 3,
        "retries": 0,
        "total": 0,
        "succeeded": 0,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "config": {},
        "stats": {},
        "created_at": MOMENT,
        "started_at": None,
        "finished_at": None,
        "elapsed_seconds": None,
        "unit_status": "queued",
        "unit_stage": None,
        "unit_announced": False,
        "unit_later": False,
        "unit_host_busy": False,
        "earlier_open": False,
        "has_workers": True,
        "has_consumers": True,
        "consumers_wait_for": (),
    }
    return JobRow(**(values | changes))


def crawl(**changes: Any) -> JobRow:
    return job(**({"type": "crawler", "handler": None, "total": 1} | changes))


def source(**changes: Any) -> SourceRow:
    values: dict[str, Any] = {
        "id": an_id(2),
        "type": "web",
        "name": "Guide",
        "url": "https://docs.example.org/guide/",
        "file_name": None,
        "group_id": an_id(3),
        "schedule": None,
        "config": {"max_depth": 2, "include": ["guide"], "render": "never"},
        "header_names": ["Authorization"],
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "row_status": "live",
        "documents": 0,
        "chunks": 0,
        "last_run_id": None,
        "last_run_status": None,
        "last_run_finished_at": None,
        "has_running": False,
        "has_queued": False,
    }
    return SourceRow(**(values | changes))


def line(number: int, **changes: Any) -> LogRow:
    values: dict[str, Any] = {
        "id": number,
        "job_id": an_id(1),
        "ts": MOMENT,
        "level": "info",
        "message": f"line {number}",
        "fields": {},
    }
    return LogRow(**(values | changes))
