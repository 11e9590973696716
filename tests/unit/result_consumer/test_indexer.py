from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest
from structlog.testing import capture_logs

from result_consumer.core.backlog import Backlog
from result_consumer.usecases.batch_writer import BatchWriter
from result_consumer.usecases.indexer import Indexer, IndexerOptions
from result_consumer.usecases.repairer import Repairer
from shared.observability.families import REGISTRY
from shared.outages import Outage
from shared.postgres.errors import StatementTimeoutError
from shared.postgres.indexing import Activated, ChunkToIndex, ObjectsTakenError, OpenBatch
from shared.vectors.errors import (
    BatchNotVerifiedError,
    CollectionMissingError,
    InvalidBatchError,
    VectorsReadOnlyError,
    VectorsUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from numpy.typing import NDArray

    from result_consumer.ports import Batches
    from shared.vectors.port import VectorObject

OPTIONS = IndexerOptions(
    batch_chunks=4, lanes=2, linger_seconds=0, adopt_seconds=0.01, pause_seconds=0.001, pause_max_seconds=0.01
)

OFTEN = 20

DEADLINE_SECONDS = 60
"""After which something hangs; a busy machine is slow."""


def uid(number: int) -> UUID:
    return UUID(int=number)


class Rows:
    """Jobs with chunks; a chunk is indexed once its batch is verified."""

    def __init__(self, sizes: dict[int, int]) -> None:
        self.missing = {uid(job): [uid(1000 * job + n) for n in range(size)] for job, size in sizes.items()}
        self.tenants: dict[UUID, UUID] = {}
        self.orphans: list[UUID] = []
        self.asked: list[dict[UUID, int]] = []
        self.expiring = 0
        self.taken: set[UUID] = set()
        self.refused_activations = 0
        self.refused_often = asyncio.Event()
        self.batches: dict[UUID, tuple[UUID, ...]] = {}
        self.given_up: list[UUID] = []
        self.ended: list[UUID] = []
        self.failed: dict[UUID, str] = {}
        self.quiet = asyncio.Event()
        self._next = 10_000_000

    def _end(self, jobs: Sequence[UUID]) -> None:
        self.ended += jobs
        if set(self.ended) | set(self.failed) == set(self.missing):
            self.quiet.set()

    async def adopt(self, *, at_most: int, known: Sequence[UUID]) -> list[UUID]:
        taken, self.orphans = self.orphans, []
        return taken

    async def to_index(
        self, job_ids: Sequence[UUID], *, at_most: int, after: Mapping[UUID, int]
    ) -> list[ChunkToIndex]:
        self.asked.append(dict(after))
        tenant = self.tenants.get
        return [
            ChunkToIndex(
                chunk,
                tenant(job, uid(1)),
                uid(2),
                uid(3),
                job,
                "web",
                None,
                f"text {chunk}",
                chunk.int % 1000,
            )
            for job in sorted(job_ids, key=lambda job: tenant(job, uid(1)))
            for chunk in self.missing[job]
            if chunk.int % 1000 > after.get(job, -1)
        ][:at_most]

    async def open_batch(self, chunks: Sequence[ChunkToIndex]) -> OpenBatch:
        ids = []
        for _ in chunks:
            self._next += 1
            ids.append(uid(self._next))
        self._next += 2
        batch = OpenBatch(uid(self._next), uid(self._next - 1), uid(1), "t", "C", tuple(chunks), tuple(ids))
        self.batches[batch.batch_id] = tuple(chunk.chunk_id for chunk in chunks)
        return batch

    async def close_batch(self, batch_id: UUID, *, verified: bool) -> bool:
        chunks = set(self.batches.pop(batch_id))
        if verified and self.expiring:
            self.expiring -= 1
            verified = False
        if verified:
            for job, left in self.missing.items():
                self.missing[job] = [chunk for chunk in left if chunk not in chunks]
        else:
            self.given_up.append(batch_id)
        return verified

    async def activate(self, job_ids: Sequence[UUID]) -> Activated:
        if self.taken & set(job_ids):
            self.refused_activations += 1
            if self.refused_activations == OFTEN:
                self.refused_often.set()
            raise ObjectsTakenError("being deleted")
        ready = [job for job in job_ids if not self.missing[job] and job not in self.ended]
        self._end(ready)
        return Activated(
            endings=[(job, "page", "succeeded") for job in ready],
            unready=[job for job in job_ids if self.missing[job]],
        )

    async def fail(
        self, job_ids: Sequence[UUID], *, error_code: str, sentence: str, retryable: bool
    ) -> list[str]:
        assert error_code == "internal_error"
        assert retryable
        self.failed.update(dict.fromkeys(job_ids, sentence))
        self._end([])
        return ["page" for _ in job_ids]


class Vectors:
    """Weaviate that can be away, lose its schema, or refuse a poisonous chunk."""

    def __init__(self) -> None:
        self.written: list[VectorObject] = []
        self.outages = 0
        self.schema_losses = 0
        self.poison: UUID | None = None
        self.refuses_all = False
        self.refusal: Exception = InvalidBatchError("poison")

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        raise NotImplementedError

    async def ensure_alias(self, collection: str) -> None:
        raise NotImplementedError

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        raise NotImplementedError

    async def write_batch(
        self, collection: str, tenant: str, objects: Sequence[VectorObject], *, barrier_id: UUID
    ) -> None:
        assert (collection, tenant) == ("C", "t")
        assert barrier_id not in {one.object_id for one in objects}
        if self.outages:
            self.outages -= 1
            raise VectorsUnavailableError("away")
        if self.schema_losses:
            self.schema_losses -= 1
            raise CollectionMissingError("gone")
        if self.refuses_all or any(one.chunk_id == self.poison for one in objects):
            raise self.refusal
        self.written += objects


class Repairs:
    """Broken objects by chunk; a swap replaces those of a batch."""

    def __init__(self) -> None:
        self.broken: list[UUID] = []
        self.postponed: set[UUID] = set()
        self.hopeless: set[UUID] = set()
        self.tenants: dict[UUID, UUID] = {}
        self.whole = asyncio.Event()

    async def take(self, *, at_most: int) -> list[ChunkToIndex]:
        return [
            ChunkToIndex(chunk, self.tenants.get(chunk, uid(1)), uid(2), uid(3), uid(0), "web", None, "text")
            for chunk in sorted(self.broken[:at_most], key=lambda chunk: self.tenants.get(chunk, uid(1)))
        ]

    async def swap(self, batch: OpenBatch) -> Counter[str]:
        self.broken = [chunk for chunk in self.broken if chunk not in {c.chunk_id for c in batch.chunks}]
        self._look()
        return Counter(missing=len(batch.chunks))

    async def postpone(self, chunks: Sequence[ChunkToIndex]) -> None:
        refused = {chunk.chunk_id for chunk in chunks}
        self.broken = [c for c in self.broken if c not in refused] + [c for c in self.broken if c in refused]
        self.postponed |= refused
        self._look()

    def _look(self) -> None:
        if set(self.broken) <= self.hopeless:
            self.whole.set()


class Embedder:
    dimensions = 2
    model = "m"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 2), dtype=np.float32)


class Provisioner:
    def __init__(self) -> None:
        self.calls = 0

    async def provide(self) -> str:
        self.calls += 1
        return "C"


class Bench:
    def __init__(self, sizes: dict[int, int]) -> None:
        self.rows = Rows(sizes)
        self.vectors = Vectors()
        self.repairs = Repairs()
        self.provisioner = Provisioner()
        self.rung = 0
        self.indexer = Indexer(
            indexing=lambda _: self.rows,
            writer=self._writer,
            repairing=lambda _, rows: self._repairer(rows),
            provisioner=self.provisioner,
            finished=self._ring,
            options=OPTIONS,
            clock=asyncio.get_running_loop().time,
        )

    def _ring(self) -> None:
        self.rung += 1

    def _writer(self, batches: Batches) -> BatchWriter:
        clock = asyncio.get_running_loop().time
        return BatchWriter(batches=batches, vectors=self.vectors, embedder=Embedder(), clock=clock)

    def repairer(self) -> Repairer:
        return self._repairer(self.rows)

    def _repairer(self, batches: Batches) -> Repairer:
        return Repairer(
            repairs=self.repairs,
            writer=self._writer(batches),
            provide=self.provisioner.provide,
            batch_chunks=4,
            every_seconds=0.001,
            pause_max_seconds=0.01,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.indexer.run(stop))
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(DEADLINE_SECONDS):
                await task

    async def finish(self) -> None:
        for job, chunks in self.rows.missing.items():
            self.indexer.add(job, len(chunks))
        async with self.running(), asyncio.timeout(DEADLINE_SECONDS):
            await self.rows.quiet.wait()


async def test_everything_is_written_once_and_activated() -> None:
    bench = Bench({1: 3, 2: 9, 3: 1})
    await bench.finish()
    chunks = [one.chunk_id for one in bench.vectors.written]
    assert len(chunks) == len(set(chunks)) == 13
    assert sorted(bench.rows.ended) == [uid(1), uid(2), uid(3)]
    assert bench.rows.given_up == []
    assert bench.rung > 0


async def test_an_outage_is_waited_for_and_every_attempt_has_new_ids() -> None:
    bench = Bench({1: 3, 2: 3})
    bench.vectors.outages = 4
    await bench.finish()
    assert sorted(bench.rows.ended) == [uid(1), uid(2)]
    assert len(bench.rows.given_up) == 4
    assert bench.rows.failed == {}
    ids = [one.object_id for one in bench.vectors.written]
    assert len(ids) == len(set(ids)) == 6


@pytest.mark.parametrize(
    "trouble",
    [
        VectorsReadOnlyError("read-only"),
        BatchNotVerifiedError(missing=frozenset({uid(0)}), unexpected=frozenset()),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_a_tenant_whose_shard_takes_nothing_holds_up_no_other(trouble: Exception) -> None:
    bench = Bench({1: 2, 2: 2, 3: 1})
    bench.rows.tenants = {uid(1): uid(9)}
    bench.vectors.refusal, bench.vectors.poison = trouble, bench.rows.missing[uid(1)][0]
    for job, chunks in bench.rows.missing.items():
        bench.indexer.add(job, len(chunks))
    with capture_logs() as logs:
        async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
            while sorted(bench.rows.ended) != [uid(2), uid(3)]:  # noqa: ASYNC110  (what is counted has no event)
                await asyncio.sleep(0.001)
            while len(bench.rows.given_up) < 3:  # noqa: ASYNC110  (likewise)
                await asyncio.sleep(0.001)
            bench.vectors.poison = None
            await bench.rows.quiet.wait()
    assert bench.rows.failed == {}
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["dependency_awaited"]


async def test_a_tenant_whose_shard_takes_nothing_is_tried_once_in_each_pause_however_much_waits() -> None:
    bench = Bench(dict.fromkeys(range(1, 101), 4))
    bench.vectors.refusal = VectorsReadOnlyError("read-only")
    bench.vectors.refuses_all = True
    bench.indexer._new_outage = lambda activity: Outage(  # type: ignore[method-assign]  # longer than this test
        activity=activity, first_seconds=60, longest_seconds=60
    )
    for job, chunks in bench.rows.missing.items():
        bench.indexer.add(job, len(chunks))
    async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
        while len(bench.rows.asked) < 100:  # noqa: ASYNC110  (what is counted has no event)
            await asyncio.sleep(0.001)
    # Two lanes may both have begun before the first was refused.
    assert 1 <= len(bench.rows.given_up) <= 2
    assert bench.rows.failed == {}


async def test_a_lost_schema_is_made_again() -> None:
    bench = Bench({1: 3})
    bench.vectors.schema_losses = 1
    await bench.finish()
    assert bench.rows.ended == [uid(1)]
    assert bench.provisioner.calls == 2


async def test_a_schema_that_stays_lost_is_not_made_again_without_a_pause() -> None:
    bench = Bench({1: 3})
    bench.vectors.schema_losses = 1_000_000
    bench.indexer._outage = Outage(activity="index_documents", first_seconds=60, longest_seconds=60)
    async with bench.running():
        bench.indexer.add(uid(1), 3)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while bench.provisioner.calls < 2:  # noqa: ASYNC110  (what is counted has no event)
                await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        # At the start, and once for the loss.
        assert bench.provisioner.calls == 2


async def test_a_poison_document_fails_alone() -> None:
    bench = Bench({1: 1, 2: 1, 3: 1})
    bench.vectors.poison = bench.rows.missing[uid(2)][0]
    await bench.finish()
    assert sorted(bench.rows.ended) == [uid(1), uid(3)]
    assert set(bench.rows.failed) == {uid(2)}
    assert "poison" in bench.rows.failed[uid(2)]


async def test_what_fails_while_it_is_indexed_is_counted_with_its_code() -> None:
    def counted() -> tuple[float, float]:
        read = REGISTRY.get_sample_value
        return (
            read("quern_job_failures_total", {"error_code": "internal_error"}) or 0.0,
            read("quern_jobs_finished_total", {"type": "page", "status": "failed"}) or 0.0,
        )

    bench = Bench({1: 1, 2: 1})
    bench.vectors.poison = bench.rows.missing[uid(2)][0]
    activate = bench.rows.activate

    async def losing(job_ids: Sequence[UUID]) -> Activated:
        """One of them has lost its staged version: it ends in the same transaction."""
        done = await activate(job_ids)
        if uid(1) not in job_ids:
            return done
        return replace(done, endings=[(uid(1), "page", "failed")], error_codes=["internal_error"])

    bench.rows.activate = losing  # type: ignore[method-assign]  # rows that have lost a version
    failures, finished = counted()
    await bench.finish()
    assert set(bench.rows.failed) == {uid(2)}
    assert counted() == (failures + 2, finished + 2)


async def test_a_document_whose_objects_are_being_deleted_holds_up_no_other_and_is_not_hurried() -> None:
    bench = Bench({1: 1, 2: 1, 3: 1})
    bench.rows.taken = {uid(2)}
    clock = asyncio.get_running_loop().time
    for job in bench.rows.missing:
        bench.indexer.add(job, 1)
    async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
        began = clock()
        await bench.rows.refused_often.wait()
        # Two lanes, and a pause after each refusal.
        assert clock() - began >= (OFTEN - OPTIONS.lanes) / OPTIONS.lanes * OPTIONS.pause_seconds
        assert sorted(bench.rows.ended) == [uid(1), uid(3)]
        bench.rows.taken = set()
        await bench.rows.quiet.wait()
    assert bench.rows.failed == {}


async def test_staged_work_without_an_owner_is_adopted() -> None:
    bench = Bench({1: 2})
    bench.rows.orphans = [uid(1)]
    async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
        await bench.rows.quiet.wait()
    assert bench.rows.ended == [uid(1)]


async def test_content_that_is_not_all_there_ends_with_a_reason() -> None:
    bench = Bench({1: 1})

    async def nothing(
        job_ids: Sequence[UUID], *, at_most: int, after: Mapping[UUID, int]
    ) -> list[ChunkToIndex]:
        return []

    bench.rows.to_index = nothing  # type: ignore[method-assign]  # rows that never get ready
    await bench.finish()
    assert set(bench.rows.failed) == {uid(1)}


async def test_batches_that_expire_are_an_outage_and_no_fault_of_the_document() -> None:
    bench = Bench({1: 1})
    bench.rows.expiring = 2 * OPTIONS.refusals_max
    await bench.finish()
    assert bench.rows.ended == [uid(1)]
    assert bench.rows.failed == {}


async def test_a_large_document_is_not_read_from_its_start_for_each_batch() -> None:
    bench = Bench({1: 9})
    await bench.finish()
    assert [after.get(uid(1)) for after in bench.rows.asked] == [None, 3, 7]


async def test_a_document_that_postgres_takes_too_long_for_fails_alone() -> None:
    bench = Bench({1: 1, 2: 1})
    activate = bench.rows.activate

    async def slow(job_ids: Sequence[UUID]) -> Activated:
        if uid(1) in job_ids:
            raise StatementTimeoutError(TimeoutError())
        return await activate(job_ids)

    bench.rows.activate = slow  # type: ignore[method-assign]  # one of them is too large
    await bench.finish()
    assert bench.rows.ended == [uid(2)]
    assert "too long" in bench.rows.failed[uid(1)]


async def test_what_weaviate_lost_is_indexed_anew_and_outages_are_waited_for() -> None:
    bench = Bench({})
    bench.repairs.broken = [uid(n) for n in range(10)]
    bench.vectors.outages = 2
    bench.vectors.schema_losses = 1
    async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
        await bench.repairs.whole.wait()
    assert sorted(one.chunk_id for one in bench.vectors.written) == [uid(n) for n in range(10)]


async def test_a_chunk_that_is_refused_keeps_no_other_from_being_repaired() -> None:
    bench = Bench({})
    bench.repairs.broken = [uid(n) for n in range(10)]
    bench.vectors.poison = uid(0)
    bench.repairs.hopeless = {uid(0)}
    async with bench.running(), asyncio.timeout(30):
        await bench.repairs.whole.wait()
    assert {one.chunk_id for one in bench.vectors.written} == {uid(n) for n in range(1, 10)}
    assert bench.repairs.broken == [uid(0)]


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidBatchError("poison"),
        VectorsReadOnlyError("read-only"),
        BatchNotVerifiedError(missing=frozenset({uid(0)}), unexpected=frozenset()),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_a_tenant_whose_repairs_are_refused_keeps_no_other_waiting(refusal: Exception) -> None:
    bench = Bench({})
    bench.vectors.refusal = refusal
    bench.repairs.broken = [uid(0), *(uid(n) for n in range(1, 4))]
    bench.repairs.tenants = {uid(n): uid(2) for n in range(1, 4)}
    bench.vectors.poison = uid(0)
    repairer = bench.repairer()
    with pytest.raises(type(refusal)):
        await repairer.run_once()
    assert bench.repairs.broken == [uid(0)]
    assert bench.repairs.postponed == {uid(0)}


async def test_no_more_orphans_are_taken_over_than_there_is_room_for() -> None:
    bench = Bench({1: 2})
    bench.indexer._backlog = Backlog(most=3)
    asked: list[int] = []

    async def many(*, at_most: int, known: Sequence[UUID]) -> list[UUID]:
        asked.append(at_most)
        return []

    bench.rows.adopt = many  # type: ignore[method-assign]
    await bench.finish()
    assert set(asked) <= {1, 2, 3}
    assert asked


async def test_looking_for_orphans_is_put_off_while_postgres_is_away_and_told_once() -> None:
    bench = Bench({1: 2})
    asked, enough = 0, asyncio.Event()

    async def away(*, at_most: int, known: Sequence[UUID]) -> list[UUID]:
        nonlocal asked
        asked += 1
        if asked == 5:
            enough.set()
        raise VectorsUnavailableError("gone")

    bench.rows.adopt = away  # type: ignore[method-assign]  # away from now on
    with capture_logs() as log:
        async with bench.running(), asyncio.timeout(DEADLINE_SECONDS):
            await enough.wait()
    told = [
        line["activity"]
        for line in log
        if line["event"] == "dependency_awaited" and line["log_level"] != "debug"
    ]
    assert told == ["adopt_documents"]
