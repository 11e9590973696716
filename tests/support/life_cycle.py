"""A small installation without processes: the stores of all services over one database, driven step by step.

Whatever can happen to a message, a process or a clock is a method here: messages are kept, so that each may come late,
twice or in another order; processes die or stall; time passes where a row says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from ingest_worker.core.result_parts import split
from janitor.tasks.delete_objects import DeleteObjects, PurgeTombstones
from janitor.usecases.remove_source import RemovalOptions, RemoveSource
from shared.clock import new_id
from shared.errors import ErrorCode
from shared.postgres.announcing import PostgresWindows
from shared.postgres.claims import Ticket
from shared.postgres.indexing import ObjectsTakenError
from shared.postgres.registry import Collection, PostgresRegistry
from shared.postgres.upkeep_content import PostgresContentUpkeep
from shared.postgres.upkeep_jobs import PostgresJobUpkeep
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.postgres.upkeep_removal import PostgresRemoval
from shared.postgres.upkeep_turns import PostgresTurns
from shared.reclaims import ReclaimLimits
from shared.retry import RetryPolicy
from shared.testing.vectors import MemoryVectorStore
from shared.vectors import VectorObject
from shared.verdicts import USUAL_PRUNE_LIMITS
from shared.windows import Limits
from support.lost_answers import lose_first_answer
from support.pipeline import COLLECTION, Pipeline
from support.rows import TENANT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from janitor.ports import Removal
    from shared.contracts.messages import ResultMessage, TaskMessage
    from shared.postgres.claims import Claim
    from shared.postgres.database import Database
    from shared.postgres.indexing import Activated, OpenBatch
    from shared.postgres.results import Stored

SLOTS: Final = 2
WORKERS: Final = 2
LIMITS: Final = Limits(per_slot=2, least=4, reserved=1, per_run=3, per_host=3, per_tenant=6)
POLICY: Final = RetryPolicy(base_seconds=0.0, dead_base_seconds=60.0, dead_retries_max=2)
RECLAIMS: Final = ReclaimLimits(max_reclaims=3, max_lost_results=5, base_seconds=0.0)
DIMENSIONS: Final = 4
KEPT_MESSAGES: Final = 40
PART_BYTES: Final = 3000
VECTOR: Final = np.full(DIMENSIONS, 0.5, dtype=np.float32)


class _NoBlobs:
    """Originals are no part of this."""

    async def delete(self, uri: str) -> None:
        """Nothing is there."""

    def sweep(self, *, modified_before: Any) -> Any:
        """Nothing is there."""
        raise NotImplementedError


@dataclass
class Held:
    """A claim, in the hands of the worker that has it."""

    worker: Pipeline
    claim: Claim


@dataclass
class Writing:
    """An index batch that a consumer has recorded and not closed yet."""

    consumer: Pipeline
    batch: OpenBatch


@dataclass
class Consumer:
    """A result-consumer: what it knows is its own, until it learns better."""

    stores: Pipeline
    known: set[UUID] = field(default_factory=set)


class Installation:
    """Two workers, two consumers, a janitor and a gateway.

    Args:
        database: of the services that work for all tenants.
        gateway: of the one that names a tenant each time.
        owner: sees and changes everything; it does not obey foreign keys.
        tables: that are emptied at the start.

    Attributes:
        tasks: messages on ingest.task, the finished ones as well: any may come again.
        results: likewise on ingest.result.
        held: what workers are on.
        writing: index batches under way.
        stored: jobs and epochs of the last batch of results.
    """

    def __init__(
        self, *, database: Database, gateway: Database, owner: asyncpg.Connection, tables: Sequence[str]
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._owner = owner
        self._tables = tables
        self._patching = pytest.MonkeyPatch()
        self.tasks: list[TaskMessage] = []
        self.results: list[ResultMessage] = []
        self.held: list[Held] = []
        self.writing: list[Writing] = []
        self.stored: set[tuple[UUID, int]] = set()
        self.workers: list[Pipeline] = []
        self.consumers: list[Consumer] = []
        self.vectors = MemoryVectorStore()
        self.windows = PostgresWindows(database=database, limits=LIMITS, unstored_max=500)
        self.jobs = PostgresJobUpkeep(database=database, prune_limits=USUAL_PRUNE_LIMITS)
        self.objects = PostgresObjectUpkeep(database=database)
        self.content = PostgresContentUpkeep(database=database)
        self.removal = PostgresRemoval(database=database)
        self.reclaims = PostgresReclaims(
            database=database,
            limits=RECLAIMS,
            policy=POLICY,
            patience_seconds=0.0,
            jitter=lambda: 0.0,
            prune_limits=USUAL_PRUNE_LIMITS,
        )

    async def start(self) -> None:
        """Empty the database, and start all processes."""
        for table in self._tables:
            await self._owner.execute(f"DELETE FROM {table}")
        registry = PostgresRegistry(database=self._database)
        await registry.current(otherwise=Collection(COLLECTION, "model", DIMENSIONS))
        await self.vectors.ensure_collection(COLLECTION, dimensions=DIMENSIONS)
        await self.vectors.ensure_tenant(COLLECTION, TENANT)
        self.workers = [await self._worker() for _ in range(WORKERS)]
        self.consumers = [Consumer(await self._consumer()) for _ in range(2)]

    def end(self) -> None:
        """No answer is lost any more."""
        self._patching.undo()

    def _stores(self) -> Pipeline:
        return Pipeline(database=self._database, gateway=self._gateway, policy=POLICY)

    async def _worker(self) -> Pipeline:
        made = self._stores()
        await made.beat("ingest-worker", made.worker_id, slots=SLOTS)
        return made

    async def _consumer(self) -> Pipeline:
        made = self._stores()
        await made.beat("result-consumer", made.consumer_id)
        return made

    @property
    def gateway(self) -> Pipeline:
        """Accepts and steers."""
        return self.consumers[0].stores

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Look, past all services."""
        return list(await self._owner.fetch(sql, *arguments))

    async def touch(self, sql: str, *arguments: object) -> None:
        """Change a row, past all services."""
        await self._owner.execute(sql, *arguments)

    def lose_next_answer(self, *, of_gateway: bool) -> None:
        """The next commit happens, and whoever asked for it does not learn of it."""
        self._patching.undo()
        lose_first_answer(self._gateway if of_gateway else self._database, self._patching)

    # Messages and workers

    async def announce(self, *, lost: bool) -> list[TaskMessage]:
        """Fill the windows; the messages may be lost on their way."""
        messages = await self.windows.announce_waiting()
        self._sent(messages, lost=lost)
        return messages

    async def announce_again(self) -> None:
        """What nobody claimed for long."""
        await self.touch("UPDATE jobs SET announced_at = announced_at - interval '10 hours'")
        self._sent(await self.windows.announce_again(after_seconds=1.0, at_most=100), lost=False)

    def _sent(self, messages: Sequence[TaskMessage], *, lost: bool) -> None:
        if not lost:
            self.tasks = [*self.tasks, *messages][-KEPT_MESSAGES:]

    async def claim(self, worker: Pipeline, messages: Sequence[TaskMessage]) -> list[Claim]:
        """A worker takes messages, old ones too. It drops those of tries that it is on already."""
        at_work = {held.claim.ticket for held in self.held if held.worker is worker}
        tickets = [ticket for m in messages if (ticket := Ticket(m.job_id, m.epoch)) not in at_work]
        claims = await worker.claims.claim(tickets)
        assert {claim.ticket for claim in claims} <= set(tickets), "a claim of another try than the message's"
        self.held += [Held(worker, claim) for claim in claims]
        return claims

    async def deliver(self, held: Held, result: ResultMessage, *, noted: bool, in_parts: bool) -> None:
        """The worker publishes, and says so in the row (unless a lost answer or an outage keeps it from that)."""
        self.held.remove(held)
        parts = split(result, max_bytes=PART_BYTES) if in_parts else [result]
        self.results = [*self.results, *parts][-KEPT_MESSAGES:]
        if noted:
            await held.worker.claims.delivered([held.claim.ticket])

    async def hand_back(self, held: Held) -> None:
        """The worker is asked to stop."""
        self.held.remove(held)
        await held.worker.claims.hand_back([held.claim.ticket], after_seconds=0.0)

    # Processes

    async def kill_worker(self, place: int) -> None:
        """It is gone with all that it had in hand; another one starts."""
        dead = self.workers[place]
        self.held = [held for held in self.held if held.worker is not dead]
        await self.lapse(dead.worker_id)
        self.workers[place] = await self._worker()

    async def kill_consumer(self, place: int) -> None:
        """Likewise."""
        dead = self.consumers[place].stores
        self.writing = [writing for writing in self.writing if writing.consumer is not dead]
        await self.lapse(dead.consumer_id)
        self.consumers[place] = Consumer(await self._consumer())

    async def lapse(self, process_id: UUID) -> None:
        """A lease runs out; whether the process is dead or only slow, nobody can tell."""
        await self.touch(
            "UPDATE workers SET lease_until = now() - interval '1 second' WHERE id = $1", process_id
        )

    async def revive(self) -> None:
        """Those that were only slow give a sign of life."""
        for worker in self.workers:
            await worker.beat("ingest-worker", worker.worker_id, slots=SLOTS)
        for consumer in self.consumers:
            await consumer.stores.beat("result-consumer", consumer.stores.consumer_id)

    # Consumers

    async def store(self, consumer: Consumer, results: Sequence[ResultMessage]) -> Stored:
        """A consumer stores a batch."""
        self.stored = {(result.job_id, result.epoch) for result in results}
        stored = await consumer.stores.store(*results)
        consumer.known.update(stored.indexing)
        return stored

    async def adopt(self, consumer: Consumer) -> None:
        """A consumer looks for what nobody owns."""
        known = sorted(consumer.known)
        consumer.known.update(await consumer.stores.indexing.adopt(at_most=5, known=known))

    async def open_batch(self, consumer: Consumer) -> None:
        """A consumer records what it is about to write, if there is anything."""
        chunks = await consumer.stores.indexing.to_index(sorted(consumer.known), at_most=4)
        if not chunks:
            return
        try:
            batch = await consumer.stores.indexing.open_batch(chunks)
        except ObjectsTakenError:
            return  # the source is being deleted
        self.writing.append(Writing(consumer.stores, batch))

    async def close_batch(self, writing: Writing, *, written: bool, verified: bool) -> None:
        """It has been written, or not; it is verified, or not."""
        self.writing.remove(writing)
        batch = writing.batch
        if written or verified:
            objects = [
                VectorObject(
                    object_id=object_id,
                    chunk_id=chunk.chunk_id,
                    source_id=chunk.source_id,
                    document_id=chunk.document_id,
                    batch_id=batch.batch_id,
                    type=chunk.source_type,
                    language="",
                    text=chunk.text,
                    vector=VECTOR,
                )
                for object_id, chunk in zip(batch.object_ids, batch.chunks, strict=True)
            ]
            await self.vectors.write_batch(
                batch.collection, batch.tenant_slug, objects, barrier_id=batch.barrier_id
            )
        await writing.consumer.indexing.close_batch(batch.batch_id, verified=verified)

    async def activate(self, consumer: Consumer) -> Activated | None:
        """A consumer serves what is complete of all that it takes for its own."""
        try:
            activated = await consumer.stores.indexing.activate(sorted(consumer.known))
        except ObjectsTakenError:
            return None
        consumer.known -= {key for key, _, _ in activated.endings} | set(activated.gone)
        return activated

    # The janitor

    async def pass_deadlines(self) -> None:
        """Jobs and results take longer than they may."""
        await self.touch("UPDATE jobs SET deadline_at = now() - interval '1 second' WHERE status = 'running'")
        await self.touch("UPDATE workers SET started_at = now() - interval '1 hour'")

    async def expire_batches(self) -> None:
        """Whoever writes takes too long."""
        await self.touch("UPDATE index_batches SET expires_at = now() - interval '1 second'")
        await self.objects.expire_batches(at_most=100)

    async def retry_dead(self) -> None:
        """The time of dead jobs has come."""
        await self.touch(
            "UPDATE failed_jobs SET next_retry_at = now() - interval '1 second'"
            " WHERE next_retry_at IS NOT NULL"
        )
        await self.jobs.retry_due(at_most=100)

    async def tidy(self) -> None:
        """Hours pass: what is superseded, unused or abandoned is deleted, in rows and in Weaviate."""
        await self.touch(
            "UPDATE objects SET superseded_at = superseded_at - interval '1 day',"
            " created_at = created_at - interval '1 day'"
        )
        await self.touch("UPDATE document_versions SET created_at = created_at - interval '1 day'")
        await self.objects.discard_superseded(grace_seconds=60.0, at_most=1000)
        await self.objects.discard_unused(after_seconds=60.0, at_most=1000)
        await self.delete_objects()
        while await self.content.drop_abandoned(after_seconds=60.0, at_most=1000):
            pass

    async def delete_objects(self) -> None:
        """Tombstones are deleted in Weaviate, and later once more."""
        deleting = DeleteObjects(
            objects=self.objects, vectors=self.vectors, purge_after_seconds=60.0, at_once=100, pages=20
        )
        await deleting.run_once()

    async def purge(self) -> None:
        """The later time."""
        await self.touch(
            "UPDATE objects SET purge_at = now() - interval '1 second' WHERE purge_at IS NOT NULL"
        )
        await PurgeTombstones(objects=self.objects, vectors=self.vectors, at_once=100, pages=20).run_once()

    async def close_runs(self) -> Counter[str]:
        """The janitor looks for runs that should have ended."""
        await self.touch("UPDATE jobs SET updated_at = now() - interval '1 day' WHERE type = 'crawler'")
        return await self.jobs.close_runs(stalled_seconds=60.0, at_most=50)

    async def remove(self, source_id: UUID) -> Removal:
        """A janitor removes a source that is being deleted, as far as it can."""
        remover = RemoveSource(
            rows=self.removal,
            vectors=self.vectors,
            blobs=_NoBlobs(),
            turns=PostgresTurns(database=self._database, owner_id=new_id()),
            options=RemovalOptions(turn_seconds=60.0, purge_after_seconds=60.0, at_once=3),
        )
        return await remover.remove(source_id)

    # What a site or a file says

    def page(self, claim: Claim, *, version: int, leads_to: Sequence[str]) -> ResultMessage:
        """A page of several paragraphs, of which one changes with its version."""
        return self.gateway.page(claim, self._text(claim.payload["url"], version), list(leads_to))

    def file(self, claim: Claim) -> ResultMessage:
        """A file; its bytes decide what it says."""
        return self.gateway.file(claim, self._text(claim.payload["sha256"], 0))

    @staticmethod
    def _text(name: str, version: int) -> str:
        return "\n\n".join(
            [f"{name} says {n}. " + "Same as ever. " * 20 for n in range(2)] + [f"Now {version}."]
        )

    def good(self, claim: Claim, *, version: int = 0, leads_to: Sequence[str] = ()) -> ResultMessage:
        """A result with content."""
        if "url" in claim.payload:
            return self.page(claim, version=version, leads_to=leads_to)
        return self.file(claim)

    def bad(self, claim: Claim, *, retryable: bool, gone: bool = False) -> ResultMessage:
        """A result without."""
        if gone:
            return self.gateway.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=404)
        return self.gateway.failure(claim, ErrorCode.UNREACHABLE, retryable=retryable)
