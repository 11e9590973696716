"""Every metric of the product. Seconds and bytes are base units; no id, URL or tenant is ever a label.

The queue's own figures (depth, in flight, deferred) come from nsqd: see ``shared.observability.queue_stats``.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from shared.observability.families import CounterFamily, Family, GaugeFamily, HistogramFamily

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""From a small page parsed to a large file embedded."""

_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

BUILD_INFO = GaugeFamily("quern_build_info", "Always 1; what runs here.", "service", "version", "python")
DEPENDENCY_READ_ONLY = GaugeFamily(
    "quern_dependency_read_only", "1 while the dependency answers but takes no writes, else 0.", "dependency"
)
DEPENDENCY_UP = GaugeFamily("quern_dependency_up", "1 while the dependency answers, else 0.", "dependency")

# Messages
MESSAGES = CounterFamily(
    "quern_messages_total",
    "Deliveries by what became of them: done, retry, dead_letter, error, unavailable, handed_back, lease_lost.",
    "topic",
    "channel",
    "outcome",
)
PUBLISHED = CounterFamily(
    "quern_published_total",
    "Messages published: stored, not_stored, unknown or rejected.",
    "topic",
    "outcome",
)
DEAD_MESSAGES = CounterFamily("quern_dead_messages_total", "Messages that could not be understood.", "topic")

# Jobs
STAGE_DURATION = HistogramFamily(
    "quern_stage_duration_seconds",
    "Time that one document spent in a stage: fetch, parse, chunk, embed, index, activate.",
    "stage",
    buckets=_WORK,
)
JOBS_FINISHED = CounterFamily(
    "quern_jobs_finished_total", "Jobs that reached a terminal state.", "type", "status"
)
JOB_FAILURES = CounterFamily("quern_job_failures_total", "Failed jobs by error code.", "error_code")
OLDEST_WAITING_JOB = GaugeFamily(
    "quern_oldest_waiting_job_seconds", "Age of the oldest job that is due and waits."
)
JOBS_OPEN = GaugeFamily("quern_jobs_open", "Jobs that are not in a terminal state.", "status")
ANNOUNCED_JOBS = CounterFamily("quern_announced_jobs_total", "Announcements: first, again, retry.", "kind")
RECLAIMED_JOBS = CounterFamily("quern_reclaimed_jobs_total", "Jobs taken back from a lost owner.", "reason")
SETTLED_CLAIMS = CounterFamily(
    "quern_settled_claims_total",
    "Claims that nobody worked on, which their worker noted as delivered or handed back.",
    "outcome",
)

# Promises
LEDGER_IMBALANCE = GaugeFamily(
    "quern_ledger_imbalance", "Accepted minus all other states; 0 when nothing is lost."
)
AUDIT_MISSING = GaugeFamily("quern_audit_missing", "Chunks without their object, as the last audit found.")
AUDIT_ORPHANS = GaugeFamily("quern_audit_orphans", "Objects without their chunk, as the last audit found.")
FULL_AUDIT_SECONDS = GaugeFamily(
    "quern_full_audit_seconds",
    "Seconds since everything is being compared, as after a restore; nothing superseded is deleted until that is "
    "complete. 0 without one.",
)
AUDIT_MISSING_FOUND = CounterFamily("quern_audit_missing_found_total", "Missing objects ever found.")
AUDIT_ORPHANS_FOUND = CounterFamily("quern_audit_orphans_found_total", "Orphaned objects ever found.")
AUDIT_FOUND = CounterFamily(
    "quern_audit_found_total", "What the audit ever found: missing, hollow, altered, orphan.", "kind"
)
AUDIT_REPAIRED = CounterFamily(
    "quern_audit_repaired_total", "What was repaired: missing, hollow, altered, orphans, rebuild.", "kind"
)

# Breaker
HELD_RUNS = GaugeFamily(
    "quern_held_runs", "Crawls that found most pages gone and wait for a person's decision."
)
HELD_PAGES = GaugeFamily("quern_held_pages", "Documents that such crawls hold.")
PRUNE_DECISIONS = CounterFamily(
    "quern_prune_decisions_total", "What people decided about held pages: approve, reject.", "decision"
)

# Throughput
CHUNKS_EMBEDDED = CounterFamily("quern_chunks_embedded_total", "Chunks embedded.")
CHUNKS_INDEXED = CounterFamily(
    "quern_chunks_indexed_total", "Chunks whose objects were verified in Weaviate."
)
UPLOAD_BYTES = CounterFamily("quern_upload_bytes_total", "Bytes of uploads received.")
HTTP_DURATION = HistogramFamily(
    "quern_http_request_duration_seconds",
    "Requests by route template, never by path.",
    "route",
    "method",
    "status",
    buckets=_REQUEST,
)

# Capacity and housekeeping
WORKER_SLOTS = GaugeFamily("quern_worker_slots", "Slots of this worker: busy, free.", "state")
PARSER_PROCESSES = GaugeFamily(
    "quern_parser_processes", "Parser processes of this worker: busy, idle.", "state"
)
JANITOR_TASK_DURATION = HistogramFamily(
    "quern_janitor_task_duration_seconds",
    "One turn of a janitor task.",
    "task",
    buckets=_WORK,
)
JANITOR_TASK_CHANGES = CounterFamily(
    "quern_janitor_task_changes_total", "What janitor tasks changed.", "task"
)


def all_families() -> tuple[Family, ...]:  # type: ignore[type-arg]  # of every kind
    """The whole table above, for the documentation and its test."""
    return tuple(value for value in globals().values() if isinstance(value, Family))


def record_build(service: str, version: str) -> None:
    """Say what runs here."""
    BUILD_INFO.set(1, service, version, platform.python_version())


def record_message(topic: str, channel: str, outcome: str) -> None:
    """Count a settled delivery; a ``shared.queue.ports.RecordMessage``."""
    MESSAGES.inc(topic, channel, outcome)
    if outcome == "dead_letter":
        DEAD_MESSAGES.inc(topic)


def record_publish(topic: str, outcome: str, count: int) -> None:
    """Count published messages; a ``shared.queue.ports.RecordPublish``."""
    PUBLISHED.inc(topic, outcome, amount=count)


def record_task(task: str, seconds: float, changes: Mapping[str, int]) -> None:
    """Count one turn of a janitor task; for ``shared.periodic.Periodic``."""
    JANITOR_TASK_DURATION.observe(seconds, task)
    JANITOR_TASK_CHANGES.inc(task, amount=sum(changes.values()))
