"""Content that nothing serves and nothing will: old versions, what failed tries left, originals without a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.postgres.locks import lock_documents, lock_sources
from shared.postgres.sql import queries
from shared.postgres.upkeep_support import affected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.database import Connection, Database

_VERSIONS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class KeptVersions:
    """How many versions of a document are kept."""

    document_id: UUID
    source_id: UUID
    versions: int


@dataclass(frozen=True, slots=True)
class BlobOfRun:
    """An original: whose, of which run, and the end of its URI (``/tenant/run/name``)."""

    tenant_id: UUID
    run_id: UUID
    path: str


class PostgresContentUpkeep:
    """Each method is one transaction; repeated or done by two at once, it does no harm."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def kept_versions(self, *, after: UUID, at_most: int) -> list[KeptVersions]:
        """The next documents by id."""

        async def work(connection: Connection) -> list[KeptVersions]:
            rows = await connection.fetch(queries("document_versions")["counted"], after, at_most)
            return [KeptVersions(row["id"], row["source_id"], row["versions"]) for row in rows]

        return await self._database.run(work)

    async def let_go(self, documents: Sequence[KeptVersions], *, keep: int, grace_seconds: float) -> int:
        """Keep the active and the newest versions of these documents, and let go of the rest; returns how many.

        Not while one of them is about to be served again, nor within the grace of the last switch.
        """
        ids = sorted({d.document_id for d in documents})

        async def work(connection: Connection) -> int:
            versions = queries("document_versions")
            await lock_sources(connection, (d.source_id for d in documents))
            await lock_documents(connection, ids)
            beyond = [
                row["id"] for row in await connection.fetch(versions["beyond_kept"], ids, keep, grace_seconds)
            ]
            return len(await connection.fetch(versions["let_go"], beyond))

        return await self._database.run(work)

    async def drop_abandoned(self, *, after_seconds: float, at_most: int) -> Counter[str]:
        """Remove the next rows of versions that nothing will activate; nothing comes back when none is left.

        The version goes last: it is what leads to the rest.
        """

        async def work(connection: Connection) -> Counter[str]:
            rows = await connection.fetch(
                queries("document_versions")["abandoned"], after_seconds, _VERSIONS_AT_ONCE
            )
            if not rows:
                return Counter()
            ids = [row["id"] for row in rows]
            sources = sorted({row["source_id"] for row in rows})
            documents = sorted({row["document_id"] for row in rows})
            places = affected(
                await connection.execute(queries("version_chunks")["drop_of_versions"], ids, at_most)
            )
            if places >= at_most:
                return Counter(places=places)
            # What is being staged may have one of these chunks again: it holds its source's lock.
            await lock_sources(connection, sources)
            chunks = affected(
                await connection.execute(queries("chunks")["unreferenced"], documents, sources, at_most)
            )
            if chunks >= at_most:
                return Counter(places=places, chunks=chunks)
            dropped = len(await connection.fetch(queries("document_versions")["drop"], ids))
            return Counter(places=places, chunks=chunks, versions=dropped)

        return await self._database.run(work)

    async def forget_parts(self, *, at_most: int) -> int:
        """Forget parts of results whose set will never be complete."""

        async def work(connection: Connection) -> int:
            return affected(await connection.execute(queries("result_parts")["forget"], at_most))

        return await self._database.run(work)

    async def needed(self, blobs: Sequence[BlobOfRun]) -> set[BlobOfRun]:
        """Those of these originals that something can still need."""

        async def work(connection: Connection) -> set[BlobOfRun]:
            rows = await connection.fetch(
                queries("jobs")["needed_blobs"],
                [b.tenant_id for b in blobs],
                [b.run_id for b in blobs],
                [b.path for b in blobs],
            )
            return {blobs[row["place"] - 1] for row in rows}

        return await self._database.run(work)
