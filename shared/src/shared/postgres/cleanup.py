"""Removing jobs that ended long ago, with their pages, log lines and dead letters; the ledger goes on counting them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.steering import note_removed
from shared.postgres.upkeep_support import affected
from shared.states import TERMINAL, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.errands import Errand
    from shared.postgres.database import Connection, Database
    from shared.postgres.errands import PostgresErrands

_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
_NO_RUN: Final = UUID(int=0)
#: Rows of jobs in one transaction; each has some log lines.
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupWish:
    """Which ended runs are to go.

    Attributes:
        statuses: in which they ended. Without ``failed`` those that still have a dead letter stay.
        older_than_seconds: since they ended.
    """

    statuses: frozenset[JobStatus]
    older_than_seconds: float

    def arguments(self, tenant_id: UUID) -> tuple[object, ...]:
        """As the queries take it."""
        statuses = sorted(status.value for status in self.statuses & TERMINAL)
        return (tenant_id, statuses, self.older_than_seconds, JobStatus.FAILED in self.statuses)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk through ended runs is."""

    finished_at: datetime = _BEGINNING
    run_id: UUID = _NO_RUN


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction removed, by kind; ``more`` where the runs still have pages."""

    counts: Counter[str]
    more: bool = False


class PostgresCleanup:
    """Each method is one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[UUID]:
        """Every tenant."""

        async def work(connection: Connection) -> list[UUID]:
            return [row["id"] for row in await connection.fetch(queries("jobs_cleanup")["tenants"])]

        return await self._database.run(work)

    async def count_ended(self, tenant_id: UUID, wish: CleanupWish) -> int:
        """How many runs ended so and that long ago; some of them may have to stay."""

        async def work(connection: Connection) -> int:
            arguments = wish.arguments(tenant_id)[:3]
            return int(await connection.fetchval(queries("jobs_cleanup")["count_ended"], *arguments))

        return await self._database.run(work)

    async def removable(
        self, tenant_id: UUID, wish: CleanupWish, *, after: Place, at_most: int
    ) -> tuple[list[UUID], Place]:
        """The next runs that may go, the oldest first, and where to go on."""

        async def work(connection: Connection) -> tuple[list[UUID], Place]:
            rows = await connection.fetch(
                queries("jobs_cleanup")["removable"],
                *wish.arguments(tenant_id),
                after.finished_at,
                after.run_id,
                at_most,
            )
            last = Place(rows[-1]["finished_at"], rows[-1]["id"]) if rows else after
            return [row["id"] for row in rows], last

        return await self._database.run(work)

    async def count(self, run_ids: Sequence[UUID]) -> Counter[str]:
        """What removing these would remove, by kind."""

        async def work(connection: Connection) -> Counter[str]:
            row = await connection.fetchrow(queries("jobs_cleanup")["counted"], list(run_ids))
            return Counter(jobs=len(run_ids), **dict(row or {}))

        return await self._database.run(work)

    async def remove(self, tenant_id: UUID, wish: CleanupWish, run_ids: Sequence[UUID]) -> Removed:
        """Remove the next rows of these runs, as far as they may still go; the runs themselves come last."""

        async def work(connection: Connection) -> Removed:
            await lock_family(connection, run_ids)
            return await _remove_fitting(connection, tenant_id, wish, run_ids)

        return await self._database.run(work)


class PostgresErrandCleanup(PostgresCleanup):
    """Cleanups that people ask for."""

    def __init__(self, *, database: Database, errands: PostgresErrands) -> None:
        PostgresCleanup.__init__(self, database=database)
        self._errands = errands

    async def remove_for(
        self, errand: Errand, wish: CleanupWish, run_ids: Sequence[UUID]
    ) -> tuple[Removed, Errand] | None:
        """As ``remove``; also how the errand stands then. None where that is not this process's any more.

        What was removed and how far the errand is stand in one transaction, so that its figures are true whenever it
        is cut short.
        """

        async def work(connection: Connection) -> tuple[Removed, Errand] | None:
            await lock_family(connection, [*run_ids, errand.id])
            held = await self._errands.hold(connection, errand)
            if held is None:
                return None
            removed = await _remove_fitting(connection, errand.tenant_id, wish, run_ids)
            done = counted(held, removed.counts)
            await self._errands.note(connection, done)
            return removed, done

        return await self._database.run(work)


KINDS: Final = ("jobs", "pages", "log_lines", "failed_jobs")
"""What a cleanup counts."""


def counted(errand: Errand, counts: Counter[str]) -> Errand:
    """The errand, with what was removed (or would be) added to its figures."""
    stats = {kind: errand.stats.get(kind, 0) + counts[kind] for kind in KINDS}
    progress = replace(errand.progress, succeeded=errand.progress.succeeded + counts["jobs"])
    return errand.advanced(progress, **stats)


async def _remove_fitting(
    connection: Connection, tenant_id: UUID, wish: CleanupWish, run_ids: Sequence[UUID]
) -> Removed:
    rows = await connection.fetch(
        queries("jobs_cleanup")["still_removable"], *wish.arguments(tenant_id), list(run_ids)
    )
    return await _remove(connection, tenant_id, [row["id"] for row in rows])


async def _remove(connection: Connection, tenant_id: UUID, run_ids: list[UUID]) -> Removed:
    cleanup = queries("jobs_cleanup")
    pages = [row["id"] for row in await connection.fetch(cleanup["next_pages"], run_ids, _AT_ONCE)]
    whole = len(pages) < _AT_ONCE
    ids = [*pages, *run_ids] if whole else pages
    lines = affected(await connection.execute(cleanup["drop_logs"], ids))
    dead = affected(await connection.execute(queries("failed_jobs")["drop"], ids))
    if whole:
        await connection.execute(queries("held_pages")["drop_of_runs"], run_ids)
    gone = Counter(row["status"] for row in await connection.fetch(cleanup["drop"], ids))
    await note_removed(connection, tenant_id, gone)
    counts = Counter(jobs=len(run_ids) if whole else 0, pages=len(pages), log_lines=lines, failed_jobs=dead)
    return Removed(counts, more=not whole)
