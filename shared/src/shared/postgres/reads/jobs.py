"""Reading jobs, runs, their logs, and the dead ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.postgres.reads.listing import page_of_ids, page_of_rows, rows
from shared.postgres.reads.records import FailedJobRow, JobRow, Listing, LogRow, PruneRow, Slice
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: roots, unless ``parent_id`` is given; ``source_id`` is for roots alone."""

    types: Sequence[str] | None = None
    status: str | None = None
    parent_id: UUID | None = None
    source_id: UUID | None = None


class JobReads:
    """Queries about jobs; each is one transaction for one tenant."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, wanted: JobFilter, part: Slice) -> Listing[JobRow]:
        """Jobs, newest first."""
        sql = queries("jobs_read")
        name, scope = _scope(wanted)
        filters: list[Any] = [
            tenant_id,
            None if wanted.types is None else list(wanted.types),
            wanted.status,
            *scope,
        ]

        async def work(connection: Connection) -> Listing[JobRow]:
            ids, total = await page_of_ids(connection, sql[name], sql[f"{name}_total"], filters, part)
            return Listing(await rows(connection, JobRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, job_id: UUID) -> JobRow | None:
        """One job."""

        async def work(connection: Connection) -> JobRow | None:
            found = await rows(connection, JobRow, queries("jobs_read")["shown"], tenant_id, [job_id])
            return found[0] if found else None

        return await self._database.run(work, tenant_id)

    async def logs(
        self, tenant_id: UUID, job_id: UUID, levels: Sequence[str], after: int, part: Slice
    ) -> Listing[LogRow] | None:
        """Lines of one job behind an id, in order; None where there is no such job."""
        sql = queries("jobs_read")
        filters = [tenant_id, job_id, after, list(levels)]

        async def work(connection: Connection) -> Listing[LogRow] | None:
            if not await connection.fetchval(sql["exists"], tenant_id, job_id):
                return None
            return await page_of_rows(connection, LogRow, sql["logs"], sql["logs_total"], filters, part)

        return await self._database.run(work, tenant_id)

    async def follow(
        self, tenant_id: UUID, run_id: UUID, after: int, limit: int
    ) -> tuple[JobRow, list[LogRow]] | None:
        """A run as it is now, and the lines of it and its pages behind an id; None where it is gone."""
        sql = queries("jobs_read")

        async def work(connection: Connection) -> tuple[JobRow, list[LogRow]] | None:
            # The run first: the lines of its last transaction are then there when it shows the end.
            found = await rows(connection, JobRow, sql["shown"], tenant_id, [run_id])
            if not found:
                return None
            lines = await rows(connection, LogRow, sql["run_lines"], tenant_id, run_id, after, limit)
            return found[0], lines

        return await self._database.run(work, tenant_id)

    async def prunes(
        self, tenant_id: UUID, state: str | None, source_id: UUID | None, part: Slice
    ) -> Listing[PruneRow]:
        """Crawls that found many pages gone, newest first."""
        sql = queries("prunes")

        async def work(connection: Connection) -> Listing[PruneRow]:
            filters = [tenant_id, state, source_id]
            return await page_of_rows(connection, PruneRow, sql["page"], sql["total"], filters, part)

        return await self._database.run(work, tenant_id)

    async def failed(
        self, tenant_id: UUID, handler: str | None, error_code: str | None, part: Slice
    ) -> Listing[FailedJobRow]:
        """Failed units of ingestion work, newest first."""
        sql = queries("failed_jobs_read")

        async def work(connection: Connection) -> Listing[FailedJobRow]:
            filters = [tenant_id, handler, error_code]
            return await page_of_rows(connection, FailedJobRow, sql["page"], sql["total"], filters, part)

        return await self._database.run(work, tenant_id)


def _scope(wanted: JobFilter) -> tuple[str, list[UUID]]:
    if wanted.parent_id is not None:
        return "children", [wanted.parent_id]
    if wanted.source_id is not None:
        return "roots_of_source", [wanted.source_id]
    return "roots", []
