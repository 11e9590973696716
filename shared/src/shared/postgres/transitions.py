"""How jobs end, and all that must follow in the same transaction: ledger, counters, fates, dead letters."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.postgres.serving import supersede
from shared.postgres.sql import queries
from shared.states import JobStatus, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection

#: A complete run that misses more documents than both of these keeps them: a site that answers with an empty
#: front page must not empty the index.
PRUNE_AT_MOST: Final = 20
PRUNE_SHARE: Final = 0.5


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


async def finish_jobs(connection: Connection, endings: Sequence[Ending]) -> list[Record]:
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
    await close_runs(connection, {row["parent_id"] for row in ended if row["parent_id"]})
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


async def close_runs(connection: Connection, run_ids: Iterable[UUID]) -> list[Record]:
    """End the runs, locked by the caller, of which no page is open; a complete run retires what it missed."""
    closed = await connection.fetch(queries("jobs")["close_runs"], sorted(set(run_ids)))
    ledger: dict[UUID, Counter[str]] = defaultdict(Counter)
    for run in closed:
        ledger[run["tenant_id"]].update({"in_flight": -1, run["status"]: 1})
    await move_ledger(connection, ledger)
    for run in closed:
        complete = run["status"] == JobStatus.SUCCEEDED and not run["failed"] and not run["cancelled"]
        if complete and not run["stats"].get("truncated"):
            await _retire_unreached(connection, run)
    return closed


async def _retire_unreached(connection: Connection, run: Record) -> None:
    newest = await connection.fetchrow(queries("jobs")["newest_crawls"], [run["source_id"]])
    if newest is None or newest["seq"] > run["seq"]:
        # An older run, in which a page was tried again: the newer one knows what the site has.
        return
    missed = [
        row["id"]
        for row in await connection.fetch(queries("documents")["unreached"], run["source_id"], run["id"])
    ]
    if not missed:
        return
    active = await connection.fetchval(queries("documents")["count_active"], run["source_id"])
    if len(missed) > PRUNE_AT_MOST and len(missed) > PRUNE_SHARE * active:
        note = {"warning": "prune_held", "prune_held": len(missed)}
        await connection.execute(queries("jobs")["note_run"], run["id"], note, {})
        return
    await retire_documents(connection, [run["source_id"]], missed)
    await connection.execute(queries("jobs")["note_run"], run["id"], {"retired": len(missed)}, {})


async def retire_documents(
    connection: Connection, source_ids: Sequence[UUID], document_ids: Sequence[UUID]
) -> None:
    """Take documents out of search: their versions are kept, nothing of them is served.

    The caller holds the sources' locks, so that nothing activates them at the same time.
    """
    await supersede(connection, source_ids, document_ids)
    await connection.execute(queries("document_versions")["deactivate"], document_ids)
    await connection.execute(queries("documents")["retire"], document_ids)
    await connection.execute(queries("crawl_pages")["mark_gone"], document_ids)


async def add_log_lines(
    connection: Connection, lines: Sequence[tuple[UUID, str, str, dict[str, Any]]]
) -> None:
    """Write lines ``(job_id, level, message, fields)`` into the logs of their jobs, in order."""
    if lines:
        job_ids, levels, messages, fields = zip(*lines, strict=True)
        await connection.execute(
            queries("job_logs")["add"], list(job_ids), list(levels), list(messages), list(fields)
        )
