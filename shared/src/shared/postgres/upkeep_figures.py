"""Sums that are kept small, and figures that are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.sql import queries
from shared.postgres.upkeep_support import affected

if TYPE_CHECKING:
    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of the whole installation.

    Attributes:
        oldest_waiting_seconds: age of the oldest job that is due and not claimed.
        open_jobs: by status, queued and running.
        missing: objects that the last audit missed.
        orphans: objects that it found without a row.
        held_runs: crawls whose pages seem to be gone and that wait for a person.
        held_pages: the documents that they hold.
        full_audit_seconds: since everything is being compared; 0 where it is not.
    """

    oldest_waiting_seconds: float
    open_jobs: dict[str, int]
    missing: int
    orphans: int
    held_runs: int = 0
    held_pages: int = 0
    full_audit_seconds: float = 0.0


class PostgresFigures:
    """Each method is one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def fold_ledger(self, *, at_most: int) -> int:
        """Make one row for each tenant out of many; returns how many fewer there are."""

        async def work(connection: Connection) -> int:
            if await connection.fetchval(queries("ledger")["rows_to_fold"], at_most) <= 0:
                return 0
            return int(await connection.fetchval(queries("ledger")["fold"], at_most))

        return await self._database.run(work)

    async def imbalance(self) -> int:
        """Differences between the ledger and the rows; 0 when nothing was lost. Counts every job there is."""

        async def work(connection: Connection) -> int:
            return int(await connection.fetchval(queries("ledger")["imbalance"]))

        return await self._database.run(work)

    async def read(self) -> Figures:
        """The figures at one instant."""

        async def work(connection: Connection) -> Figures:
            jobs = queries("jobs")
            audit = await connection.fetchrow(queries("audit_state")["figures"])
            held = await connection.fetchrow(queries("prunes")["figures"])
            open_jobs = {"queued": 0, "running": 0}
            open_jobs |= {
                row["status"]: row["jobs"] for row in await connection.fetch(jobs["open_by_status"])
            }
            return Figures(
                oldest_waiting_seconds=await connection.fetchval(jobs["oldest_waiting"]),
                open_jobs=open_jobs,
                missing=audit["missing"] if audit else 0,
                orphans=audit["orphans"] if audit else 0,
                held_runs=held["runs"] if held else 0,
                held_pages=held["pages"] if held else 0,
                full_audit_seconds=audit["full_seconds"] if audit else 0.0,
            )

        return await self._database.run(work)

    async def forget_workers(self, *, after_seconds: float) -> int:
        """Forget processes that are long gone."""

        async def work(connection: Connection) -> int:
            return affected(await connection.execute(queries("workers")["forget"], after_seconds))

        return await self._database.run(work)

    async def forget_hosts(self, *, after_seconds: float, at_most: int) -> int:
        """Forget the pace and robots.txt of hosts that nobody asked for long."""

        async def work(connection: Connection) -> int:
            return affected(await connection.execute(queries("hosts")["forget"], after_seconds, at_most))

        return await self._database.run(work)

    async def forget_dead_messages(self, *, keep: int, at_most: int) -> int:
        """Forget all but the newest dead messages."""

        async def work(connection: Connection) -> int:
            return affected(await connection.execute(queries("dead_messages")["forget"], keep, at_most))

        return await self._database.run(work)

    async def forget_batches(self, *, after_seconds: float, at_most: int) -> int:
        """Forget index batches that were closed long ago."""

        async def work(connection: Connection) -> int:
            return affected(
                await connection.execute(queries("index_batches")["forget"], after_seconds, at_most)
            )

        return await self._database.run(work)
