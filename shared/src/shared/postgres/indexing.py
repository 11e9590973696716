"""From staged content to a served version: index batches, and the activation as one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.clock import new_id
from shared.content import embedded_text
from shared.errors import ErrorCode, QuernError
from shared.postgres import serving
from shared.postgres.locks import Family, lock_documents, lock_family
from shared.postgres.sql import queries
from shared.postgres.transitions import Ending, add_log_lines, finish_jobs
from shared.retry import GiveUp, decide
from shared.states import JobStatus, Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection, Database
    from shared.retry import RetryPolicy
    from shared.verdicts import PruneLimits


class ObjectsTakenError(QuernError):
    """An object that was about to be served is being deleted, or its source is: look again what is to be indexed."""


@dataclass(frozen=True, slots=True)
class ChunkToIndex:
    """A chunk that no object stands for yet; ``text`` is what is embedded and indexed.

    ``ordinal`` is its place in the job's version.
    """

    chunk_id: UUID
    tenant_id: UUID
    source_id: UUID
    document_id: UUID
    job_id: UUID
    source_type: str
    language: str | None
    text: str
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """An index batch that is recorded and may be sent: fresh object ids, in the order of its chunks."""

    batch_id: UUID
    barrier_id: UUID
    tenant_id: UUID
    tenant_slug: str
    collection: str
    chunks: tuple[ChunkToIndex, ...]
    object_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """What became of jobs that were ready: ``unready`` ones still miss objects.

    Attributes:
        endings: ``(job, type, status)`` of those that ended.
        error_codes: one of each job among them that failed.
        unready: not every chunk has an object: index them first.
        gone: not this consumer's any more (cancelled, deleted, taken over).
    """

    endings: list[tuple[UUID, str, str]] = field(default_factory=list)
    error_codes: list[str] = field(default_factory=list)
    unready: list[UUID] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)


class PostgresIndexing:
    """The indexing of one consumer. It works on jobs whose rows name it as their owner."""

    def __init__(
        self,
        *,
        database: Database,
        consumer_id: UUID,
        collection: str,
        batch_seconds: float,
        policy: RetryPolicy,
        prune_limits: PruneLimits,
    ) -> None:
        self._database = database
        self._consumer_id = consumer_id
        self._collection = collection
        self._batch_seconds = batch_seconds
        self._policy = policy
        self._prune_limits = prune_limits

    async def adopt(self, *, at_most: int, known: Sequence[UUID] = ()) -> list[UUID]:
        """Take over staged jobs that have no living owner, and earlier versions that are to be served again.

        Args:
            at_most: of each kind.
            known: this consumer's own that it is aware of. What else is its own comes back too: the answer to the
                commit that made it the owner may have been lost.
        """

        async def work(connection: Connection) -> list[UUID]:
            # Before anything is adopted: this waits for locks in their order, and adopting waits for none.
            started = await self._start_activations(connection, at_most)
            adopted = await connection.fetch(
                queries("jobs")["adopt_indexing"], self._consumer_id, at_most, [*known, *started]
            )
            return [*started, *(row["id"] for row in adopted)]

        return await self._database.run(work)

    async def _start_activations(self, connection: Connection, at_most: int) -> list[UUID]:
        waiting = [
            row["id"] for row in await connection.fetch(queries("jobs")["queued_activations"], at_most)
        ]
        if not waiting:
            return []
        family = await lock_family(connection, waiting)
        live = [key for key in waiting if family.source_is_live(family.jobs[key])]
        rows = await connection.fetch(queries("jobs")["start_activations"], self._consumer_id, live)
        return [row["id"] for row in rows]

    async def to_index(
        self, job_ids: Sequence[UUID], *, at_most: int, after: Mapping[UUID, int] | None = None
    ) -> list[ChunkToIndex]:
        """Chunks of these jobs' versions that still need an object, by tenant and job, in reading order.

        Args:
            job_ids: indexed by this consumer.
            at_most: chunks.
            after: by job, the ordinal behind which to look: what is before it was seen already.
        """
        behind = after or {}

        async def work(connection: Connection) -> list[ChunkToIndex]:
            rows = await connection.fetch(
                queries("chunks")["to_index"],
                list(job_ids),
                [behind.get(key, -1) for key in job_ids],
                self._collection,
                at_most,
            )
            return [
                ChunkToIndex(
                    chunk_id=row["chunk_id"],
                    tenant_id=row["tenant_id"],
                    source_id=row["source_id"],
                    document_id=row["document_id"],
                    job_id=row["job_id"],
                    source_type=row["source_type"],
                    language=row["language"],
                    text=embedded_text(row["heading_path"], row["text"]),
                    ordinal=row["ordinal"],
                )
                for row in rows
            ]

        return await self._database.run(work)

    async def open_batch(self, chunks: Sequence[ChunkToIndex]) -> OpenBatch:
        """Record one attempt to index chunks of one tenant, before anything is sent: fresh ids, never used again.

        Raises:
            ObjectsTakenError: a source of them is being deleted: look again.
        """
        tenant_id = chunks[0].tenant_id
        batch_id, barrier_id = new_id(), new_id()
        object_ids = tuple(new_id() for _ in chunks)

        sources = sorted({chunk.source_id for chunk in chunks})

        async def work(connection: Connection) -> str:
            # A removal counts the source's open batches once; it must not miss one that is just being opened.
            if len(await connection.fetch(queries("sources")["hold_live"], sources)) != len(sources):
                raise ObjectsTakenError("A source of these chunks is being deleted.")
            slug: str = await connection.fetchval(queries("tenants")["slug"], tenant_id)
            await connection.execute(
                queries("index_batches")["open"],
                batch_id,
                tenant_id,
                self._collection,
                barrier_id,
                self._consumer_id,
                len(chunks),
                self._batch_seconds,
            )
            await connection.execute(
                queries("objects")["stage"],
                tenant_id,
                self._collection,
                batch_id,
                list(object_ids),
                [c.source_id for c in chunks],
                [c.document_id for c in chunks],
                [c.chunk_id for c in chunks],
            )
            await connection.execute(
                queries("objects")["stage_barrier"],
                barrier_id,
                tenant_id,
                barrier_id,
                self._collection,
                batch_id,
            )
            return slug

        slug = await self._database.run(work)
        return OpenBatch(batch_id, barrier_id, tenant_id, slug, self._collection, tuple(chunks), object_ids)

    async def close_batch(self, batch_id: UUID, *, verified: bool) -> bool:
        """Say how a batch ended; the ids of one that is not verified are deleted. False when it had expired."""

        async def work(connection: Connection) -> bool:
            if verified and await connection.fetchval(queries("index_batches")["verify"], batch_id):
                return True
            failed = await connection.fetch(queries("index_batches")["fail"], [batch_id])
            await connection.execute(
                queries("objects")["discard_batches"], [row["batch_id"] for row in failed]
            )
            return False

        return await self._database.run(work)

    async def activate(self, job_ids: Sequence[UUID]) -> Activated:
        """Serve the versions that these jobs staged, each as a whole; what misses an object is left for later."""

        async def work(connection: Connection) -> Activated:
            activation = _Activation(
                connection, self._consumer_id, self._collection, self._policy, self._prune_limits
            )
            return await activation.run(job_ids)

        return await self._database.run(work)

    async def fail(
        self, job_ids: Sequence[UUID], *, error_code: str, sentence: str, retryable: bool
    ) -> list[str]:
        """End jobs whose content cannot be indexed, whatever is tried; returns the types of those that did end."""

        async def work(connection: Connection) -> list[str]:
            family = await lock_family(connection, job_ids)
            mine = [key for key, job in family.jobs.items() if self._is_mine(job)]
            ended = await finish_jobs(
                connection,
                [
                    _failure(
                        family.jobs[key],
                        self._policy,
                        error_code=error_code,
                        sentence=sentence,
                        retryable=retryable,
                    )
                    for key in mine
                ],
                limits=self._prune_limits,
            )
            await add_log_lines(
                connection, [(key, "error", sentence, {"error_code": error_code}) for key in mine]
            )
            return [row["type"] for row in ended]

        return await self._database.run(work)

    def _is_mine(self, job: Record) -> bool:
        return _is_indexed_by(job, self._consumer_id)


def _is_indexed_by(job: Record, consumer_id: UUID) -> bool:
    return bool(
        job["status"] == JobStatus.RUNNING
        and job["stage"] == Stage.INDEXING
        and job["worker_id"] == consumer_id
    )


def _failure(job: Record, policy: RetryPolicy, *, error_code: str, sentence: str, retryable: bool) -> Ending:
    """Indexing spends no attempts: a job that fails here is dead, and perhaps retried by the janitor later."""
    later = decide(
        policy,
        retryable=retryable,
        attempt=job["max_attempts"],
        max_attempts=job["max_attempts"],
        retries=job["retries"],
        retry_after_seconds=None,
        jitter=0.0,
    )
    return Ending(
        job_id=job["id"],
        status=JobStatus.FAILED,
        error_code=error_code,
        error=sentence,
        retryable=retryable,
        dead_retry_after_seconds=later.dead_retry_after_seconds if isinstance(later, GiveUp) else None,
    )


def _newest(
    complete: Mapping[UUID, Record], seqs: Mapping[UUID, int]
) -> tuple[dict[UUID, Record], list[UUID]]:
    """Of several versions of one document the newest is served; runs before its own are overtaken by it.

    Several of one run take turns: the others are looked at again when this one is served.
    """
    chosen: dict[UUID, UUID] = {}
    for key, row in complete.items():
        other = chosen.setdefault(row["document_id"], key)
        if seqs[key] > seqs[other]:
            chosen[row["document_id"]] = key
    ready = {key: complete[key] for key in chosen.values()}
    overtaken = [key for key, row in complete.items() if seqs[key] < seqs[chosen[row["document_id"]]]]
    return ready, overtaken


class _Activation:
    """One transaction: all that makes staged versions the served ones."""

    def __init__(
        self,
        connection: Connection,
        consumer_id: UUID,
        collection: str,
        policy: RetryPolicy,
        prune_limits: PruneLimits,
    ) -> None:
        self._connection = connection
        self._consumer_id = consumer_id
        self._collection = collection
        self._policy = policy
        self._prune_limits = prune_limits

    async def run(self, job_ids: Sequence[UUID]) -> Activated:
        family = await lock_family(self._connection, job_ids)
        mine = {
            key: job
            for key, job in family.jobs.items()
            if _is_indexed_by(job, self._consumer_id) and family.source_is_live(job)
        }
        gone = [key for key in job_ids if key not in mine]
        versions = {
            row["job_id"]: row
            for row in await self._connection.fetch(queries("document_versions")["of_jobs"], list(mine))
        }
        documents = await lock_documents(self._connection, (row["document_id"] for row in versions.values()))
        endings, candidates = self._sort(mine, versions, documents, family)
        complete, picks = await self._ready(candidates)
        seqs = {key: family.roots[family.jobs[key]["root_id"]]["seq"] for key in complete}
        ready, overtaken = _newest(complete, seqs)
        endings += [
            Ending(job_id=key, status=JobStatus.SKIPPED, reason=Reason.SUPERSEDED) for key in overtaken
        ]
        await self._switch(ready, [pick for key in ready for pick in picks[key]], family)
        endings += [Ending(job_id=key, status=JobStatus.SUCCEEDED) for key in ready]
        ended = await finish_jobs(self._connection, endings, limits=self._prune_limits)
        lines: list[tuple[UUID, str, str, dict[str, Any]]] = [
            (key, "info", "activated", {"chunks": row["chunk_count"]}) for key, row in ready.items()
        ]
        await add_log_lines(self._connection, lines)
        return Activated(
            endings=[(row["id"], row["type"], row["status"]) for row in ended],
            error_codes=[row["error_code"] for row in ended if row["error_code"]],
            unready=[key for key in candidates if key not in complete],
            gone=gone,
        )

    def _sort(
        self,
        mine: Mapping[UUID, Record],
        versions: Mapping[UUID, Record],
        documents: Mapping[UUID, Record],
        family: Family,
    ) -> tuple[list[Ending], dict[UUID, Record]]:
        """Those that are overtaken by a newer version, or whose version is gone, end; the rest are candidates."""
        endings, candidates = [], {}
        for key, job in mine.items():
            version = versions.get(key)
            if version is None:
                endings.append(
                    _failure(
                        job,
                        self._policy,
                        error_code=ErrorCode.INTERNAL_ERROR,
                        sentence="The staged version is gone: retry the job.",
                        retryable=True,
                    )
                )
                continue
            active = documents[version["document_id"]]
            newer = active["run_seq"] is not None and active["run_seq"] > family.roots[job["root_id"]]["seq"]
            if newer:
                endings.append(Ending(job_id=key, status=JobStatus.SKIPPED, reason=Reason.SUPERSEDED))
            else:
                candidates[key] = version
        return endings, candidates

    async def _ready(
        self, candidates: Mapping[UUID, Record]
    ) -> tuple[dict[UUID, Record], dict[UUID, list[Record]]]:
        """Candidates of which each chunk has exactly one object to stand for it, and these objects, by job."""
        counts = {row["version_id"]: row["chunk_count"] for row in candidates.values()}
        rows = await serving.picks(self._connection, counts, self._collection)
        picks: dict[UUID, list[Record]] = {}
        for row in rows:
            picks.setdefault(row["version_id"], []).append(row)
        ready = {
            key: row
            for key, row in candidates.items()
            if len(picks.get(row["version_id"], [])) == row["chunk_count"]
        }
        return ready, {key: picks.get(row["version_id"], []) for key, row in ready.items()}

    async def _switch(self, ready: Mapping[UUID, Record], picks: Sequence[Record], family: Family) -> None:
        if not ready:
            return
        documents = [row["document_id"] for row in ready.values()]
        versions = [row["version_id"] for row in ready.values()]
        sources = sorted({family.jobs[key]["source_id"] for key in ready})
        await serving.supersede(self._connection, sources, documents, versions)
        idle = [pick["object_id"] for pick in picks if pick["state"] != "active"]
        if await serving.activate(self._connection, idle) != len(idle):
            # The janitor took one to delete in this moment: nothing is switched, it is indexed first.
            raise ObjectsTakenError("Objects of the new version are being deleted: index them again.")
        await self._connection.execute(queries("document_versions")["deactivate"], documents)
        await self._connection.execute(
            queries("document_versions")["activate"],
            versions,
            [family.roots[family.jobs[key]["root_id"]]["seq"] for key in ready],
        )
        await self._connection.execute(queries("documents")["activate"], versions)
        await self._connection.execute(queries("crawl_pages")["activated"], list(ready))
