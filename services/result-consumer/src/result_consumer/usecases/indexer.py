"""From staged rows to a served version: embed, write, verify, activate. Everything is driven from rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from result_consumer.core.backlog import Backlog, Pending, by_tenant
from shared.errors import DependencyRejectedError, DependencyUnavailableError, ErrorCode
from shared.lifecycle import wait_or_stop
from shared.observability.metrics import JOB_FAILURES, JOBS_FINISHED, STAGE_DURATION
from shared.outages import Outage
from shared.postgres.errors import StatementTimeoutError
from shared.postgres.indexing import ObjectsTakenError
from shared.vectors.errors import (
    BatchNotVerifiedError,
    CollectionMissingError,
    TenantMissingError,
    VectorsReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from result_consumer.ports import Indexing
    from result_consumer.usecases.batch_writer import BatchWriter
    from shared.postgres.indexing import ChunkToIndex

_log = structlog.get_logger(__name__)

#: Of a document whose size is not known: some go together, but not all that a dead consumer left.
_ASSUMED_CHUNKS: Final = 20
_ADOPTED_AT_ONCE: Final = 200


class Background(Protocol):
    """Something that goes on beside."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until ``stop``."""
        ...


class Provisioning(Protocol):
    """Makes what is missing in Weaviate."""

    async def provide(self) -> str:
        """The name of the current collection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexerOptions:
    """How indexing works.

    Attributes:
        batch_chunks: of one index batch.
        lanes: index batches at work at once: one is embedded while another is written.
        linger_seconds: how long the first job of a batch waits for company.
        adopt_seconds: how often jobs without a living owner are looked for.
        refusals_max: how often a job may be refused before it fails.
        timeouts_max: how often Postgres may end the statements of one job, with nothing written in between.
        pause_seconds: the first pause after an outage; doubles up to ``pause_max_seconds``.
    """

    batch_chunks: int
    lanes: int
    linger_seconds: float
    adopt_seconds: float
    refusals_max: int = 3
    timeouts_max: int = 5
    pause_seconds: float = 0.5
    pause_max_seconds: float = 15.0


@dataclass(slots=True)
class _Hold:
    """A tenant's shard takes nothing: not tried again before ``until``, by the indexer's clock."""

    outage: Outage
    until: float = 0.0


class Indexer:
    """Indexes what this consumer staged or adopted."""

    def __init__(
        self,
        *,
        indexing: Callable[[str], Indexing],
        writer: Callable[[Indexing], BatchWriter],
        repairing: Callable[[str, Indexing], Background],
        provisioner: Provisioning,
        finished: Callable[[], None],
        options: IndexerOptions,
        clock: Callable[[], float],
    ) -> None:
        self._make_indexing = indexing
        self._writer = writer
        self._repairing = repairing
        self._provisioner = provisioner
        self._finished = finished
        self._options = options
        self._clock = clock
        self._backlog = Backlog()
        self._arrived = asyncio.Event()
        self._outage = self._new_outage("index_documents")
        self._holds: dict[UUID, _Hold] = {}
        """By tenant, while its shard takes nothing."""

    def _new_outage(self, activity: str) -> Outage:
        options = self._options
        return Outage(
            activity=activity, first_seconds=options.pause_seconds, longest_seconds=options.pause_max_seconds
        )

    def add(self, job_id: UUID, chunks: int) -> None:
        """A job is staged and this consumer's."""
        self._backlog.add(job_id, chunks)
        self._arrived.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Index until ``stop``; what is left then is adopted by another consumer, or by this one's next start."""
        collection = await self._collection(stop)
        if collection is None:
            return
        rows = self._make_indexing(collection)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._adopt(rows, stop))
            group.create_task(self._repairing(collection, rows).run(stop))
            for _ in range(self._options.lanes):
                group.create_task(self._lane(rows, stop))

    async def _collection(self, stop: asyncio.Event) -> str | None:
        while not stop.is_set():
            try:
                collection = await self._provisioner.provide()
            except DependencyUnavailableError as error:
                await self._pause(error, stop)
            else:
                self._outage.over()
                return collection
        return None

    async def _adopt(self, rows: Indexing, stop: asyncio.Event) -> None:
        outage = self._new_outage("adopt_documents")
        while True:
            pause = self._options.adopt_seconds
            try:
                # What is taken over here can be taken over by nobody else while this process lives.
                if room := min(_ADOPTED_AT_ONCE, self._backlog.room):
                    for job_id in await rows.adopt(at_most=room, known=self._backlog.known):
                        self.add(job_id, _ASSUMED_CHUNKS)
                outage.over()
                if len(self._backlog):  # the time of something that waits may have come
                    self._arrived.set()
            except DependencyUnavailableError as error:
                pause = max(pause, outage.failed(error))
            if await wait_or_stop(stop, pause):
                # Lanes that wait for work shall see that there will be none.
                self._arrived.set()
                return

    async def _lane(self, rows: Indexing, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._arrived.wait()
            if stop.is_set():
                return
            if self._backlog.chunks < self._options.batch_chunks:
                await wait_or_stop(stop, self._options.linger_seconds)
            taken = self._backlog.take(chunks=self._options.batch_chunks, jobs=200, now=self._clock())
            if not taken:
                self._arrived.clear()
                continue
            await self._index(rows, taken, stop)

    async def _index(self, rows: Indexing, taken: list[Pending], stop: asyncio.Event) -> None:
        try:
            written = await self._write_missing(rows, taken, stop)
            if written:
                await self._activate(rows, written)
            self._outage.over()
        except (CollectionMissingError, TenantMissingError) as error:
            await self._provide_again(error, stop)
        except StatementTimeoutError as error:
            await self._too_slow(rows, taken)
            await self._pause(error, stop)
        except DependencyUnavailableError as error:
            await self._pause(error, stop)
        except ObjectsTakenError as error:
            await self._look_again(error, taken, stop)
        except Exception as error:  # noqa: BLE001  (a poison document must fail alone, not end the lane)
            _log.exception("indexing_refused", jobs=len(taken))
            await self._refused(rows, taken, error)
        finally:
            self._backlog.put_back(taken)
            if len(self._backlog):
                self._arrived.set()

    async def _look_again(
        self, error: ObjectsTakenError, taken: Sequence[Pending], stop: asyncio.Event
    ) -> None:
        """Whoever deletes objects is given a moment; documents that this happens to hold up no others."""
        _log.info("indexing_looks_again", jobs=len(taken), detail=str(error))
        for pending in taken:
            pending.alone = True
        await wait_or_stop(stop, self._options.pause_seconds)

    async def _write_missing(
        self, rows: Indexing, taken: Sequence[Pending], stop: asyncio.Event
    ) -> list[Pending]:
        """Index what these jobs lack; returns those of which nothing was held up."""
        jobs = {pending.job_id: pending for pending in taken}
        most = self._options.batch_chunks
        seen: dict[UUID, int] = {}
        while jobs and not stop.is_set():
            chunks = await rows.to_index(list(jobs), at_most=most, after=seen)
            for batch in by_tenant(chunks, at_most=most):
                pause = await self._write(rows, batch)
                if pause:
                    # Documents of other tenants do not wait for it.
                    for key in {chunk.job_id for chunk in batch} & jobs.keys():
                        jobs.pop(key).not_before = self._clock() + pause
                    continue
                for chunk in batch:
                    seen[chunk.job_id] = chunk.ordinal
                    if chunk.job_id in jobs:
                        jobs[chunk.job_id].progressed()
            if len(chunks) < most:
                break
        return list(jobs.values())

    async def _write(self, rows: Indexing, batch: Sequence[ChunkToIndex]) -> float:
        """Write a batch of one tenant; returns the seconds to wait where its shard, perhaps it alone, takes nothing.

        One batch in each pause finds out whether it does again: the tenant's other documents do not try.
        """
        tenant_id = batch[0].tenant_id
        hold = self._holds.get(tenant_id)
        if hold is not None and (left := hold.until - self._clock()) > 0:
            return left
        try:
            await self._writer(rows).write(batch)
        except (VectorsReadOnlyError, BatchNotVerifiedError) as error:
            hold = self._holds.setdefault(
                tenant_id, _Hold(self._new_outage(f"index_documents of {tenant_id}"))
            )
            pause = hold.outage.failed(error)
            hold.until = self._clock() + pause
            return pause
        if hold := self._holds.pop(tenant_id, None):
            hold.outage.over()
        return 0.0

    async def _activate(self, rows: Indexing, taken: Sequence[Pending]) -> None:
        started = self._clock()
        activated = await rows.activate([pending.job_id for pending in taken])
        STAGE_DURATION.observe(self._clock() - started, "activate")
        for _, kind, status in activated.endings:
            JOBS_FINISHED.inc(kind, status)
        for error_code in activated.error_codes:
            JOB_FAILURES.inc(error_code)
        unready = set(activated.unready)
        self._backlog.done(pending.job_id for pending in taken if pending.job_id not in unready)
        await self._give_up_fruitless(rows, [p for p in taken if p.job_id in unready])
        if activated.endings:
            _log.info("activated", jobs=len(activated.endings), unready=len(unready))
            self._finished()

    async def _give_up_fruitless(self, rows: Indexing, unready: Sequence[Pending]) -> None:
        """Not ready although nothing was left to write: a part of the content is not there."""
        for pending in unready:
            pending.fruitless += 1
        hopeless = [p.job_id for p in unready if p.fruitless > self._options.refusals_max]
        await self._fail(rows, hopeless, "A part of this document's content was never stored: retry the job.")

    async def _too_slow(self, rows: Indexing, taken: Sequence[Pending]) -> None:
        """Postgres is there, but ends what these jobs ask of it: each goes alone, and not for ever."""
        for pending in taken:
            pending.timeouts += len(taken) == 1
            pending.alone = True
        hopeless = [p.job_id for p in taken if p.timeouts >= self._options.timeouts_max]
        await self._fail(
            rows,
            hopeless,
            "Storing this document took Postgres too long, again and again: retry it when it is less busy.",
        )

    async def _refused(self, rows: Indexing, taken: Sequence[Pending], error: Exception) -> None:
        """A poison document shall fail alone: each goes alone from now on, and fails when it is refused again."""
        for pending in taken:
            pending.refusals += len(taken) == 1
            pending.alone = True
        hopeless = [p.job_id for p in taken if p.refusals >= self._options.refusals_max]
        reason = str(error) if isinstance(error, DependencyRejectedError) else type(error).__name__
        await self._fail(rows, hopeless, f"This document cannot be indexed: {reason}")

    async def _fail(self, rows: Indexing, jobs: Sequence[UUID], sentence: str) -> None:
        if not jobs:
            return
        try:
            ended = await rows.fail(
                jobs, error_code=ErrorCode.INTERNAL_ERROR, sentence=sentence, retryable=True
            )
        except DependencyUnavailableError as error:
            _log.warning("failure_not_noted_yet", dependency=error.dependency)
            return
        for kind in ended:
            JOBS_FINISHED.inc(kind, "failed")
            JOB_FAILURES.inc(ErrorCode.INTERNAL_ERROR)
        self._backlog.done(jobs)
        self._finished()

    async def _provide_again(self, missing: DependencyUnavailableError, stop: asyncio.Event) -> None:
        _log.warning("weaviate_lost_its_schema", detail=str(missing))
        try:
            await self._provisioner.provide()
        except DependencyUnavailableError as error:
            await self._pause(error, stop)
        else:
            # What is made for the living does not help content of a tenant that is gone: its sources will be too.
            await self._pause(missing, stop)

    async def _pause(self, error: DependencyUnavailableError, stop: asyncio.Event) -> None:
        """An outage of our own servers: back off, spend nothing."""
        await wait_or_stop(stop, self._outage.failed(error))
