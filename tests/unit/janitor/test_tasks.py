"""Decisions of the small tasks, with everything outside faked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from janitor.ports import Removal
from janitor.tasks.announce_again import AnnounceAgain
from janitor.tasks.announce_waiting import AnnounceWaiting
from janitor.tasks.check_ledger import CheckLedger
from janitor.tasks.delete_objects import DeleteObjects
from janitor.tasks.delete_sources import DeleteSources
from janitor.tasks.drop_abandoned import DropAbandoned
from janitor.tasks.prune_pages import PrunePages
from janitor.tasks.reclaim_lost import ReclaimLost
from janitor.tasks.sweep_blobs import SweepBlobs
from janitor.tasks.trim_versions import TrimVersions
from shared.blobs.names import BlobKey
from shared.clock import new_id
from shared.errors import DependencyError
from shared.observability.families import REGISTRY
from shared.postgres.prune_decisions import Pruned
from shared.postgres.upkeep_content import BlobOfRun, KeptVersions
from shared.postgres.upkeep_figures import Figures
from shared.postgres.upkeep_objects import Tombstone
from shared.postgres.upkeep_reclaims import Reclaimed
from shared.postgres.upkeep_removal import DeletingSource
from shared.queue import QueueUnavailableError
from shared.queue.errors import QueueRejectedError
from shared.queue.ports import ChannelStats, TopicStats
from shared.testing.blobs import MemoryBlobStore
from shared.vectors import TenantMissingError, VectorsReadOnlyError, VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path


class FakeQueue:
    """A dispatcher, the rows that it looks at, and the door that it publishes through."""

    def __init__(self) -> None:
        self.ready = True
        self.waiting = True
        self.announced = 0
        self.told_waiting = -1
        self.counts: list[TopicStats] | DependencyError = []

    async def anything_waiting(self) -> bool:
        return self.waiting

    async def retry_due(self, *, at_most: int) -> Any:
        raise NotImplementedError

    async def close_runs(self, *, stalled_seconds: float, at_most: int) -> Any:
        raise NotImplementedError

    async def announce(self) -> int:
        self.announced += 1
        return 3

    async def announce_again(self, *, after_seconds: float, at_most: int, waiting: int = 0) -> int:
        self.announced += 1
        self.told_waiting = waiting
        return at_most

    async def stats(self) -> list[TopicStats]:
        if isinstance(self.counts, DependencyError):
            raise self.counts
        return self.counts


def announce_waiting(queue: FakeQueue) -> AnnounceWaiting:
    return AnnounceWaiting(jobs=queue, announcing=queue, queue=queue)


async def test_nothing_is_dispatched_while_nothing_waits() -> None:
    queue = FakeQueue()
    queue.waiting = False
    assert await announce_waiting(queue).run_once() == {}
    assert queue.announced == 0


async def test_what_waits_is_announced() -> None:
    assert await announce_waiting(FakeQueue()).run_once() == {"announced": 3}


async def test_nothing_is_stamped_as_announced_while_nsqd_is_away() -> None:
    queue = FakeQueue()
    queue.ready = False
    with pytest.raises(QueueUnavailableError):
        await announce_waiting(queue).run_once()
    again = announce_again(queue)
    assert await again.run_once() == {}
    assert queue.announced == 0
    queue.ready = True
    assert await again.run_once() == {"again": 5}


def announce_again(queue: FakeQueue) -> AnnounceAgain:
    return AnnounceAgain(announcing=queue, queue=queue, stats=queue.stats, after_seconds=60.0, at_most=5)


async def test_what_waits_in_the_queue_is_told_to_whoever_announces_again() -> None:
    queue = FakeQueue()
    task = ChannelStats("ingest.task", "worker", depth=7, in_flight=30, deferred=2)
    result = ChannelStats("ingest.result", "result-consumer", depth=100, in_flight=0, deferred=0)
    onlooker = ChannelStats("ingest.task", "debugging", depth=500, in_flight=0, deferred=0)
    queue.counts = [
        TopicStats("ingest.task", depth=4, messages_total=50, channels=(task, onlooker)),
        TopicStats("ingest.result", depth=0, messages_total=100, channels=(result,)),
    ]
    await announce_again(queue).run_once()
    assert queue.told_waiting == 13


@pytest.mark.parametrize(
    "error", [QueueUnavailableError("no answer"), QueueRejectedError("nsqd answers 403 to /stats")]
)
async def test_without_the_figures_of_the_queue_what_is_overdue_is_announced_again_all_the_same(
    error: DependencyError,
) -> None:
    queue = FakeQueue()
    queue.counts = error
    assert await announce_again(queue).run_once() == {"again": 5}
    assert queue.told_waiting == 0


class FakeReclaims:
    def __init__(self, *found: int) -> None:
        self._found = list(found)

    async def reclaim(self, *, at_most: int) -> Reclaimed:
        return Reclaimed(queued=Counter(owner=self._found.pop(0)))


def reclaim(*found: int, slices: int, settled: bool = True) -> ReclaimLost:
    return ReclaimLost(reclaims=FakeReclaims(*found), at_once=10, slices=slices, settled=lambda: settled)


async def test_lost_jobs_are_taken_back_in_slices_until_one_is_not_full() -> None:
    assert await reclaim(10, 10, 3, 99, slices=9).run_once() == {"queued": 23}
    assert await reclaim(10, 10, 10, slices=2).run_once() == {"queued": 20}


async def test_nothing_is_taken_back_while_postgres_has_only_just_come_back() -> None:
    """All leases have lapsed then, though every worker may be well."""
    assert await reclaim(10, slices=9, settled=False).run_once() == {}


class FakeObjects:
    """Tombstones, and what was noted of them."""

    def __init__(self, *tombstones: Tombstone) -> None:
        self.tombstones = sorted(tombstones, key=lambda tombstone: tombstone.object_id)
        self.marked: set[UUID] = set()

    async def to_delete(self, *, after: UUID, at_most: int) -> list[Tombstone]:
        left = [t for t in self.tombstones if t.object_id > after and t.object_id not in self.marked]
        return left[:at_most]

    async def mark_deleted(self, object_ids: Sequence[UUID], *, purge_after_seconds: float) -> None:
        self.marked.update(object_ids)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


class FakeVectors:
    """Deletes, but not everywhere."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.deleted: list[UUID] = []

    async def delete_by_ids(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> int:
        if tenant in self.errors:
            raise self.errors[tenant]
        self.deleted += object_ids
        return len(object_ids)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def tombstones(tenant: str, count: int) -> list[Tombstone]:
    return [Tombstone(new_id(), "Chunks_test", tenant) for _ in range(count)]


def delete_objects(objects: FakeObjects, vectors: FakeVectors) -> DeleteObjects:
    return DeleteObjects(objects=objects, vectors=vectors, purge_after_seconds=60.0, at_once=2, pages=10)


async def test_a_place_that_takes_no_writes_does_not_keep_others_from_being_emptied() -> None:
    stuck, others = tombstones("stuck", 3), tombstones("other", 3)
    objects, vectors = FakeObjects(*stuck, *others), FakeVectors(stuck=VectorsReadOnlyError("read-only"))
    task = delete_objects(objects, vectors)
    with pytest.raises(VectorsReadOnlyError):
        await task.run_once()
    assert objects.marked == {t.object_id for t in others}
    del vectors.errors["stuck"]
    assert await task.run_once() == {"deleted": 3}
    assert len(objects.marked) == 6


class FakePrunes:
    """Runs with how many slices they take."""

    def __init__(self, slices: int) -> None:
        self.runs = {new_id(): slices}
        self.lost = new_id()

    async def unfinished(self, *, at_most: int) -> list[UUID]:
        return [self.lost, *self.runs][:at_most]

    async def retire_next(self, run_id: UUID) -> Pruned:
        if run_id == self.lost:  # its source is being deleted
            return Pruned()
        self.runs[run_id] -= 1
        return Pruned(500, int(self.runs[run_id] == 0), found=True)


@pytest.mark.parametrize(("slices", "done"), [(3, (1500, 1)), (9, (2000, 0))])
async def test_approved_pages_are_retired_in_slices_and_a_turn_ends(
    slices: int, done: tuple[int, int]
) -> None:
    task = PrunePages(prunes=FakePrunes(slices), runs=5, slices=4)
    assert await task.run_once() == {"retired": done[0], "finished": done[1]}


async def test_nothing_is_left_to_delete_where_the_tenant_is_gone() -> None:
    objects = FakeObjects(*tombstones("gone", 2))
    assert await delete_objects(objects, FakeVectors(gone=TenantMissingError("gone"))).run_once() == {
        "deleted": 2
    }


async def test_nothing_is_noted_as_deleted_while_weaviate_is_down() -> None:
    objects = FakeObjects(*tombstones("down", 2))
    with pytest.raises(VectorsUnavailableError):
        await delete_objects(objects, FakeVectors(down=VectorsUnavailableError("down"))).run_once()
    assert objects.marked == set()


class FakeRemoval:
    """Sources to be removed, and how that goes."""

    def __init__(self, *outcomes: Removal | Exception) -> None:
        self._outcomes = {new_id(): outcome for outcome in outcomes}
        self.tried: list[UUID] = []

    async def deleting(self, *, at_most: int) -> list[DeletingSource]:
        return [DeletingSource(key, new_id(), "default") for key in self._outcomes]

    async def remove(self, source_id: UUID) -> Removal:
        self.tried.append(source_id)
        outcome = self._outcomes[source_id]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def delete_sources(removal: FakeRemoval) -> DeleteSources:
    return DeleteSources(rows=removal, remover=removal, at_most=10)


async def test_a_source_that_cannot_be_removed_keeps_no_other_one() -> None:
    removal = FakeRemoval(RuntimeError("poison"), Removal.WAITING, Removal.DELETED, Removal.BUSY)
    assert await delete_sources(removal).run_once() == {"deleted": 1}
    assert len(removal.tried) == 4


async def test_one_tenants_read_only_shard_keeps_no_other_tenant_and_is_reported() -> None:
    removal = FakeRemoval(VectorsReadOnlyError("read-only"), Removal.DELETED)
    with pytest.raises(VectorsReadOnlyError):
        await delete_sources(removal).run_once()
    assert len(removal.tried) == 2


async def test_nobody_is_asked_again_and_again_while_weaviate_is_down() -> None:
    removal = FakeRemoval(VectorsUnavailableError("down"), Removal.DELETED)
    with pytest.raises(VectorsUnavailableError):
        await delete_sources(removal).run_once()
    assert len(removal.tried) == 1


class FakeContent:
    """Documents with so many versions, slices of what is abandoned, and runs whose originals are needed."""

    def __init__(self) -> None:
        self.documents: list[KeptVersions] = []
        self.let_go_of: list[list[KeptVersions]] = []
        self.slices: list[Counter[str]] = []
        self.needed_runs: set[UUID] = set()

    async def kept_versions(self, *, after: UUID, at_most: int) -> list[KeptVersions]:
        return [d for d in self.documents if d.document_id > after][:at_most]

    async def let_go(self, documents: Sequence[KeptVersions], *, keep: int, grace_seconds: float) -> int:
        self.let_go_of.append(list(documents))
        return len(documents)

    async def drop_abandoned(self, *, after_seconds: float, at_most: int) -> Counter[str]:
        return self.slices.pop(0) if self.slices else Counter()

    async def forget_parts(self, *, at_most: int) -> int:
        return 1

    async def needed(self, blobs: Sequence[BlobOfRun]) -> set[BlobOfRun]:
        return {blob for blob in blobs if blob.run_id in self.needed_runs}


async def test_documents_are_walked_round_and_round() -> None:
    content = FakeContent()
    content.documents = [KeptVersions(UUID(int=n), new_id(), 4 if n == 3 else 1) for n in range(1, 6)]
    task = TrimVersions(content=content, keep=3, grace_seconds=60.0, at_most=2)
    assert [await task.run_once() for _ in range(6)] == [{}, {"versions": 1}, {}, {}, {"versions": 1}, {}]
    assert content.let_go_of == [[content.documents[2]]] * 2


async def test_what_is_abandoned_is_removed_until_nothing_is_left_or_the_turn_is_over() -> None:
    content = FakeContent()
    content.slices = [Counter(places=5), Counter(places=2, versions=1)]
    task = DropAbandoned(content=content, after_seconds=60.0, at_once=5, slices=9)
    assert await task.run_once() == {"places": 7, "versions": 1, "parts": 1}
    content.slices = [Counter(places=5)] * 5
    task = DropAbandoned(content=content, after_seconds=60.0, at_once=5, slices=2)
    assert await task.run_once() == {"places": 10, "parts": 1}
    assert len(content.slices) == 3


async def test_a_sweep_removes_only_originals_that_are_old_and_not_needed(tmp_path: Path) -> None:
    content, blobs = FakeContent(), MemoryBlobStore(scratch=tmp_path)
    needed, orphan = new_id(), new_id()
    content.needed_runs = {needed}
    uris = {}
    for run_id in (needed, orphan):
        async with await blobs.open_writer(
            tenant_id=new_id(), run_id=run_id, file_name="ä.md", limit_bytes=9
        ) as writer:
            uris[run_id] = (await writer.commit()).uri
    today = datetime.now(UTC)  # noqa: TID251  (the fake stamps its blobs by the real clock)

    def sweep(moment: datetime) -> SweepBlobs:
        return SweepBlobs(content=content, blobs=blobs, age_seconds=3600.0, clock=lambda: moment)

    assert await sweep(today).run_once() == {"deleted": 0}
    assert await sweep(today + timedelta(hours=2)).run_once() == {"deleted": 1}
    left = [entry.uri async for entry in blobs.sweep(modified_before=today + timedelta(hours=2))]
    assert left == [uris[needed]]


async def test_the_end_of_an_originals_uri_is_what_rows_are_asked_for(tmp_path: Path) -> None:
    asked: list[BlobOfRun] = []

    class Asking(FakeContent):
        async def needed(self, blobs: Sequence[BlobOfRun]) -> set[BlobOfRun]:
            asked.extend(blobs)
            return set(blobs)

    blobs = MemoryBlobStore(scratch=tmp_path)
    key = BlobKey(tenant_id=new_id(), run_id=new_id(), name="ä b.md")
    async with await blobs.open_writer(
        tenant_id=key.tenant_id, run_id=key.run_id, file_name=key.name, limit_bytes=9
    ) as writer:
        await writer.commit()
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251  (as above)
    await SweepBlobs(content=Asking(), blobs=blobs, age_seconds=0.0, clock=lambda: tomorrow).run_once()
    (blob,) = asked
    assert (blob.tenant_id, blob.run_id) == (key.tenant_id, key.run_id)
    assert key.to_uri(PurePosixPath("/elsewhere")).endswith(blob.path)


class FakeSums:
    """A ledger that takes a while to be compared."""

    def __init__(self) -> None:
        self.found = 0
        self.seconds = 0.0
        self.now = 100.0
        self.compared = 0

    async def imbalance(self) -> int:
        self.compared += 1
        self.now += self.seconds
        return self.found

    async def read(self) -> Figures:
        return Figures(1.5, {"queued": 2, "running": 0}, 0, 0, full_audit_seconds=77.0)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


async def test_an_imbalance_is_logged_when_it_comes_and_when_it_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sums = FakeSums()
    task = CheckLedger(sums=sums, clock=lambda: sums.now)
    told = []
    for sums.found in (0, 2, 2, 0, 0):
        assert await task.run_once() == {}
        told.append("ledger_imbalance" in capsys.readouterr().out)
    assert told == [False, True, False, True, False]


async def test_how_long_deletes_have_been_held_is_shown() -> None:
    sums = FakeSums()
    await CheckLedger(sums=sums, clock=lambda: sums.now).run_once()
    assert REGISTRY.get_sample_value("quern_full_audit_seconds") == 77.0


async def test_a_comparison_that_takes_long_is_made_seldom() -> None:
    sums = FakeSums()
    sums.seconds = 2.0
    task = CheckLedger(sums=sums, clock=lambda: sums.now)
    for sums.now in (100.0, 110.0, 301.0, 302.5):
        await task.run_once()
    assert sums.compared == 2
