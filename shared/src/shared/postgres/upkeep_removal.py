"""Removing a source for good: its objects, its content, its work; and the receipt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.steering import cancel_jobs, note_removed
from shared.postgres.transitions import close_runs
from shared.postgres.upkeep_objects import Tombstone
from shared.postgres.upkeep_support import ACTOR, affected
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from shared.postgres.database import Connection, Database

_VERSIONS_AT_ONCE: Final = 100
_OPEN_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class DeletingSource:
    """A source that is being deleted."""

    source_id: UUID
    tenant_id: UUID
    tenant: str


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What a removal waits for, or has just ended."""

    cancelled: int
    batches: int


def receipt_of(source_id: UUID) -> str:
    """The row of ``janitor_tasks`` that holds the source's turn and counts."""
    return f"delete_source:{source_id}"


class PostgresRemoval:
    """Each method is one transaction, bounded by its ``at_most``; repeated or done by two at once, it does no harm.

    What is removed is counted in the same transaction, so that the receipt is right however often a removal was
    interrupted.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def deleting(self, *, at_most: int) -> list[DeletingSource]:
        """Sources to be removed, the oldest request first."""

        async def work(connection: Connection) -> list[DeletingSource]:
            rows = await connection.fetch(queries("sources")["deleting"], at_most)
            return [DeletingSource(row["id"], row["tenant_id"], row["slug"]) for row in rows]

        return await self._database.run(work)

    async def find(self, source_id: UUID) -> DeletingSource | None:
        """The source, if it is to be removed."""

        async def work(connection: Connection) -> DeletingSource | None:
            row = await connection.fetchrow(queries("sources")["is_deleting"], source_id)
            return DeletingSource(row["id"], row["tenant_id"], row["slug"]) if row else None

        return await self._database.run(work)

    async def exists(self, source_id: UUID) -> bool:
        """Whether there is or was such a source: its row stays when it is deleted."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetchval(queries("sources")["exists"], source_id))

        return await self._database.run(work)

    async def collections(self) -> list[str]:
        """Every collection that its objects may lie in."""

        async def work(connection: Connection) -> list[str]:
            return [row["name"] for row in await connection.fetch(queries("collections")["all"])]

        return await self._database.run(work)

    async def end_work(self, source: DeletingSource) -> OpenWork:
        """Cancel what is still open of it, and count the index batches that may still be written to."""

        async def work(connection: Connection) -> OpenWork:
            if await connection.fetchval(queries("sources")["hold_deleting"], source.source_id) is None:
                return OpenWork(0, 0)
            cancelled = await _cancel_open(connection, source.source_id)
            batches = await connection.fetchval(queries("index_batches")["open_of_source"], source.source_id)
            return OpenWork(cancelled, batches)

        return await self._database.run(work)

    async def discard_objects(self, source: DeletingSource, *, at_most: int) -> int:
        """Turn its next objects into tombstones; returns how many."""

        async def work(connection: Connection) -> int:
            row = await connection.fetchrow(
                queries("objects")["discard_of_source"], source.source_id, at_most
            )
            found = int(row["objects"]) if row else 0
            if row and found:
                await _count(connection, source, {"objects_deleted": row["written"]})
            return found

        return await self._database.run(work)

    async def unverified(self, source: DeletingSource, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones, by id, of batches that were never verified: a filter may not find them."""

        async def work(connection: Connection) -> list[Tombstone]:
            rows = await connection.fetch(
                queries("objects")["to_delete_of_source"], source.source_id, after, at_most
            )
            return [Tombstone(row["object_id"], row["collection"], source.tenant) for row in rows]

        return await self._database.run(work)

    async def mark_objects_deleted(
        self, source: DeletingSource, *, purge_after_seconds: float, at_most: int
    ) -> int:
        """Weaviate has nothing of it any more: note that on the next tombstones; returns on how many."""

        async def work(connection: Connection) -> int:
            done = await connection.execute(
                queries("objects")["mark_source_deleted"], source.source_id, purge_after_seconds, at_most
            )
            return affected(done)

        return await self._database.run(work)

    async def uploads(
        self, source: DeletingSource, *, after: int, at_most: int
    ) -> list[tuple[int, str | None]]:
        """The next uploads as (place in the order of acceptance, URI of the original)."""

        async def work(connection: Connection) -> list[tuple[int, str | None]]:
            rows = await connection.fetch(
                queries("jobs")["uploads_of_source"], source.source_id, after, at_most
            )
            return [(row["seq"], row["upload_uri"]) for row in rows]

        return await self._database.run(work)

    async def remove_content(self, source: DeletingSource, *, at_most: int) -> Counter[str]:
        """Remove the next rows, by kind; nothing comes back when nothing is left."""

        async def work(connection: Connection) -> Counter[str]:
            removed = await _Slice(connection, source, at_most).remove()
            if removed:
                await _count(connection, source, removed)
            return removed

        return await self._database.run(work)

    async def finish(self, source: DeletingSource) -> dict[str, int] | None:
        """The source is gone: say so, and write the receipt. None where it is not, or another janitor said it.

        Tombstones of its objects stay until they were deleted once more.
        """

        async def work(connection: Connection) -> dict[str, int] | None:
            mine = await connection.fetchval(queries("sources")["hold_deleting"], source.source_id)
            if mine and await connection.fetchval(queries("objects")["left_of_source"], source.source_id):
                return None
            counts = await connection.fetchval(
                queries("janitor_tasks")["take_counts"], receipt_of(source.source_id)
            )
            if mine is None:
                return None
            receipt = {"objects_deleted": 0, **(counts or {}), "read_back": 0}
            await connection.execute(queries("sources")["mark_deleted"], source.source_id)
            await connection.execute(
                queries("audit_log")["add"],
                source.tenant_id,
                ACTOR,
                "source.deleted",
                str(source.source_id),
                "deleted",
                receipt,
            )
            return receipt

        return await self._database.run(work)


async def _cancel_open(connection: Connection, source_id: UUID) -> int:
    """The request cancelled its runs; this is for what was put there by hand, so that a removal cannot hang on it."""
    jobs = queries("jobs")
    runs = [row["id"] for row in await connection.fetch(jobs["open_runs_of_source"], source_id)]
    some = [row["id"] for row in await connection.fetch(jobs["open_of_runs"], runs)][:_OPEN_AT_ONCE]
    if some:
        family = await lock_family(connection, [*runs, *some])
        # Of a source that is going nothing is retired: all of it goes.
        await cancel_jobs(connection, some, limits=USUAL_PRUNE_LIMITS)
        crawls = [key for key in runs if family.roots[key]["type"] == "crawler"]
        await close_runs(connection, crawls, limits=USUAL_PRUNE_LIMITS)
    return len(some)


async def _count(connection: Connection, source: DeletingSource, counts: Mapping[str, int]) -> None:
    await connection.execute(
        queries("janitor_tasks")["add_counts"], receipt_of(source.source_id), dict(counts)
    )


class _Slice:
    """One transaction's share of a removal: from the leaves to the root."""

    def __init__(self, connection: Connection, source: DeletingSource, at_most: int) -> None:
        self._connection = connection
        self._source = source
        self._at_most = at_most

    async def remove(self) -> Counter[str]:
        for step in (self._versions, self._rows_of_tables, self._jobs):
            removed = +(await step())
            if removed:
                return removed
        return Counter()

    async def _versions(self) -> Counter[str]:
        versions = queries("document_versions")
        ids = [
            row["id"]
            for row in await self._connection.fetch(
                versions["next_of_source"], self._source.source_id, _VERSIONS_AT_ONCE
            )
        ]
        if not ids:
            return Counter()
        places = await self._connection.execute(
            queries("version_chunks")["drop_of_versions"], ids, self._at_most
        )
        removed = Counter(places=affected(places))
        if removed["places"] < self._at_most:
            removed["versions"] = affected(await self._connection.execute(versions["drop_of_source"], ids))
        return removed

    async def _rows_of_tables(self) -> Counter[str]:
        for table in ("chunks", "documents", "crawl_pages", "held_pages", "failed_jobs"):
            tag = await self._connection.execute(
                queries(table)["drop_of_source"], self._source.source_id, self._at_most
            )
            if affected(tag):
                return Counter({table: affected(tag)})
        return Counter()

    async def _jobs(self) -> Counter[str]:
        for query in ("remove_of_source", "remove_runs_of_source"):
            rows = await self._connection.fetch(queries("jobs")[query], self._source.source_id, self._at_most)
            if rows:
                gone = Counter(row["status"] for row in rows)
                await note_removed(self._connection, self._source.tenant_id, gone)
                return Counter(jobs=len(rows))
        return Counter()
