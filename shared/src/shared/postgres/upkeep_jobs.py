"""What the janitor does to jobs, beside taking back lost ones: dead retries, runs that should have ended, figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.steering import retry_locked
from shared.postgres.transitions import add_log_lines, close_runs
from shared.postgres.upkeep_support import ACTOR

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database
    from shared.postgres.locks import Family
    from shared.verdicts import PruneLimits

_IDS_IN_AUDIT: Final = 50


@dataclass(frozen=True, slots=True)
class Retried:
    """Dead jobs that were due: queued again, or left to people because they may not run."""

    retried: int = 0
    left: int = 0


class PostgresJobUpkeep:
    """Upkeep of jobs; each method is one transaction."""

    def __init__(self, *, database: Database, prune_limits: PruneLimits) -> None:
        self._database = database
        self._prune_limits = prune_limits

    async def anything_waiting(self) -> bool:
        """Whether a job is due and not announced; cheap, and writes nothing."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetchval(queries("jobs")["anything_waiting"]))

        return await self._database.run(work)

    async def retry_due(self, *, at_most: int) -> Retried:
        """Queue dead jobs again whose time has come; several janitors at once retry each of them once."""

        async def work(connection: Connection) -> Retried:
            failed = queries("failed_jobs")
            due = [row["id"] for row in await connection.fetch(failed["due"], at_most)]
            if not due:
                return Retried()
            family = await lock_family(connection, due)
            due = [row["id"] for row in await connection.fetch(failed["still_due"], due)]
            retried = await retry_locked(connection, family, due)
            left = [key for key in due if key not in set(retried)]
            await connection.execute(failed["leave_to_people"], left)
            await add_log_lines(connection, [(key, "info", "retried", {"by": ACTOR}) for key in retried])
            await _audit_retries(connection, family, retried)
            return Retried(len(retried), len(left))

        return await self._database.run(work)

    async def close_runs(self, *, stalled_seconds: float, at_most: int) -> Counter[str]:
        """End runs that have no open page: by their counters; and by their rows, where nothing has moved for long."""

        async def work(connection: Connection) -> Counter[str]:
            jobs = queries("jobs")
            complete = await connection.fetch(jobs["open_runs_without_open_pages"], at_most)
            stalled = await connection.fetch(jobs["stalled_runs"], stalled_seconds, at_most)
            runs = sorted({row["id"] for row in (*complete, *stalled)})
            if not runs:
                return Counter()
            await lock_family(connection, runs)
            recounted = await connection.fetch(jobs["recount_runs"], runs)
            closed = await close_runs(connection, runs, limits=self._prune_limits)
            return Counter(closed=len(closed), recounted=len(recounted))

        return await self._database.run(work)


async def _audit_retries(connection: Connection, family: Family, retried: list[UUID]) -> None:
    tenants: dict[UUID, list[str]] = defaultdict(list)
    for key in retried:
        tenants[family.jobs[key]["tenant_id"]].append(str(key))
    for tenant_id, ids in tenants.items():
        await connection.execute(
            queries("audit_log")["add"],
            tenant_id,
            ACTOR,
            "job.retry_dead",
            str(len(ids)),
            "accepted",
            {"job_ids": ids[:_IDS_IN_AUDIT]},
        )
