"""The lock order: sources, then runs, then jobs, then documents, each in id order.

Every transaction that creates, requeues, finishes or activates anything takes its locks here and decides on
what it reads under them. Foreign keys do not do this: they lock only that a row exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Family:
    """Locked rows by id. A run that is its own unit of work stands in both maps."""

    sources: dict[UUID, Record]
    roots: dict[UUID, Record]
    jobs: dict[UUID, Record]

    def source_is_live(self, job: Record) -> bool:
        """Whether the job's source takes content."""
        source = self.sources.get(job["source_id"])
        return source is not None and source["status"] == "live"


async def lock_sources(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Record]:
    """Lock sources in id order."""
    rows = await connection.fetch(queries("sources")["lock"], sorted(set(ids)))
    return {row["id"]: row for row in rows}


async def lock_jobs(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Record]:
    """Lock jobs in id order; call it for the runs first, then for their pages."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row["id"]: row for row in await connection.fetch(queries("jobs")["lock"], wanted)}


async def lock_family(
    connection: Connection, job_ids: Iterable[UUID], *, also_sources: Iterable[UUID] = ()
) -> Family:
    """Lock the sources and runs of these jobs, then the jobs themselves.

    Args:
        connection: in a transaction that holds no lock yet.
        job_ids: of any runs.
        also_sources: locked with the others, in the same order.
    """
    families = await connection.fetch(queries("jobs")["families"], sorted(set(job_ids)))
    own = {row["source_id"] for row in families if row["source_id"]}
    sources = await lock_sources(connection, own | set(also_sources))
    roots = await lock_jobs(connection, (row["root_id"] for row in families))
    pages = await lock_jobs(connection, (row["id"] for row in families if row["id"] != row["root_id"]))
    own = {row["id"] for row in families}
    return Family(sources, roots, {**pages, **{key: row for key, row in roots.items() if key in own}})


async def lock_documents(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Record]:
    """Lock documents in id order, with what is active of them."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row["id"]: row for row in await connection.fetch(queries("documents")["lock"], wanted)}
