"""How jobs end, and all that must follow in the same transaction: ledger, counters, fates, dead letters."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.postgres.pruning import prune
from shared.postgres.sql import queries
from shared.states import JobStatus, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection
    from shared.verdicts import PruneLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The terminal state that a job enters, and why."""

    job_id: UUID
    status: JobStatus
    reason: Reason | None = None
    error_code: str | None = None
    error: str | None = None
    http_status: int | None = None
    duplicate_of: UUID | None = None
    stats: dict[str, Any] = field(default_factory=dict)
    retryable: bool = False
    dead_retry_after_seconds: float | None = None


_DELTAS: Final = ("accepted", "in_flight", "succeeded", "failed", "cancelled", "skipped")


async def move_ledger(connection: Connection, deltas: dict[UUID, Counter[str]]) -> None:
    """Write deltas by tenant; keys are the ledger's columns."""
    tenants = [tenant for tenant, delta in deltas.items() if any(delta.values())]
    if tenants:
        columns = [[deltas[tenant][name] for tenant in tenants] for name in _DELTAS]
        await connection.execute(queries("ledger")["move"], tenants, *columns)


async def accept_jobs(connection: Connection, tenant_id: UUID, count: int) -> None:
    """Count jobs that were just inserted as queued."""
    await move_ledger(connection, {tenant_id: Counter(accepted=count, in_flight=count)})


async def finish_jobs(
    connection: Connection, endings: Sequence[Ending], *, limits: PruneLimits
) -> list[Record]:
    """End jobs, under the locks of their sources, runs and themselves; close runs that have no open page.

    Returns:
        the rows that really changed: a job that had ended already is left as it is.
    """
    if not endings:
        return []
    ended = await connection.fetch(
        queries("jobs")["finish"],
        [e.job_id for e in endings],
        [e.status.value for e in endings],
        [e.reason.value if e.reason else None for e in endings],
        [e.error_code for e in endings],
        [e.error for e in endings],
        [e.http_status for e in endings],
        [e.duplicate_of for e in endings],
        [e.stats for e in endings],
    )
    await _count(connection, ended)
    await connection.execute(queries("crawl_pages")["finish"], [row["id"] for row in ended])
    await _bury(connection, endings, ended)
    await close_runs(connection, {row["parent_id"] for row in ended if row["parent_id"]}, limits=limits)
    return ended


async def _count(connection: Connection, ended: Sequence[Record]) -> None:
    ledger: dict[UUID, Counter[str]] = defaultdict(Counter)
    runs: dict[UUID, Counter[str]] = defaultdict(Counter)
    for row in ended:
        ledger[row["tenant_id"]].update({"in_flight": -1, row["status"]: 1})
        if row["parent_id"]:
            runs[row["parent_id"]][row["status"]] += 1
    await move_ledger(connection, ledger)
    if runs:
        await connection.execute(
            queries("jobs")["count_ended"],
            list(runs),
            *([runs[run][name] for run in runs] for name in ("succeeded", "failed", "skipped", "cancelled")),
        )


async def _bury(connection: Connection, endings: Sequence[Ending], ended: Sequence[Record]) -> None:
    changed = {row["id"] for row in ended if row["status"] == JobStatus.FAILED}
    failed = [e for e in endings if e.job_id in changed]
    if failed:
        await connection.execute(
            queries("failed_jobs")["add"],
            [e.job_id for e in failed],
            [e.retryable for e in failed],
            [e.dead_retry_after_seconds for e in failed],
        )
        documents = [row["document_id"] for row in ended if row["id"] in changed and row["document_id"]]
        await connection.execute(queries("documents")["mark_failed"], documents)


async def close_runs(connection: Connection, run_ids: Iterable[UUID], *, limits: PruneLimits) -> list[Record]:
    """End the runs, locked by the caller, of which no page is open; what they found gone is retired within limits."""
    closed = await connection.fetch(queries("jobs")["close_runs"], sorted(set(run_ids)))
    ledger: dict[UUID, Counter[str]] = defaultdict(Counter)
    for run in closed:
        ledger[run["tenant_id"]].update({"in_flight": -1, run["status"]: 1})
    await move_ledger(connection, ledger)
    for run in closed:
        await prune(connection, run, limits)
    return closed


async def add_log_lines(
    connection: Connection, lines: Sequence[tuple[UUID, str, str, dict[str, Any]]]
) -> None:
    """Write lines ``(job_id, level, message, fields)`` into the logs of their jobs, in order."""
    if lines:
        job_ids, levels, messages, fields = zip(*lines, strict=True)
        await connection.execute(
            queries("job_logs")["add"], list(job_ids), list(levels), list(messages), list(fields)
        )
