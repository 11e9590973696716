"""The audit's decisions, on an index that goes wrong in Weaviate's ways."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from janitor.tasks.sweep_orphans import AuditOptions, SweepOrphans
from shared.clock import new_id
from shared.postgres.upkeep_audit import Broken, Place, RecentBatch
from shared.testing.vectors import MemoryVectorStore
from shared.vectors import VectorObject, VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

COLLECTION = "Chunks_test"
TENANT = "default"
PLACE = Place(new_id(), TENANT, COLLECTION)


@dataclass
class FakeRows:
    """What Postgres says: objects that are served, and others that belong there."""

    served: set[UUID] = field(default_factory=set)
    known: set[UUID] = field(default_factory=set)
    noted: dict[UUID, str] = field(default_factory=dict)
    advanced: list[tuple[UUID | None, int, int]] = field(default_factory=list)
    after: UUID | None = None
    recent: list[RecentBatch] = field(default_factory=list)

    async def places(self, *, at_most: int) -> list[Place]:
        return [replace(PLACE, after=self.after)]

    async def active(self, place: Place, *, at_most: int) -> list[UUID]:
        return sorted(key for key in self.served if place.after is None or key > place.after)[:at_most]

    async def strangers(self, place: Place, object_ids: Collection[UUID]) -> list[UUID]:
        return sorted(set(object_ids) - self.served - self.known)

    async def note_broken(self, kinds: Mapping[UUID, str]) -> Broken:
        served = {key: kind for key, kind in kinds.items() if key in self.served}
        new = served.keys() - self.noted.keys()
        self.noted |= served
        return Broken(len(served), len(new))

    async def advance(self, place: Place, *, after: UUID | None, missing: int, orphans: int) -> None:
        self.after = after
        self.advanced.append((after, missing, orphans))

    async def recent_batches(self, *, within_seconds: float, at_most: int) -> list[RecentBatch]:
        return self.recent

    async def active_of_batch(self, batch_id: UUID) -> list[UUID]:
        return sorted(self.served)


@pytest.fixture
async def vectors() -> MemoryVectorStore:
    store = MemoryVectorStore()
    await store.ensure_collection(COLLECTION, dimensions=2)
    await store.ensure_tenant(COLLECTION, TENANT)
    return store


def object_of(object_id: UUID) -> VectorObject:
    return VectorObject(
        object_id=object_id,
        chunk_id=new_id(),
        source_id=new_id(),
        document_id=new_id(),
        batch_id=new_id(),
        type="web",
        language="en",
        text="text",
        vector=np.array([1.0, 2.0], dtype=np.float32),
    )


async def put(vectors: MemoryVectorStore, count: int) -> list[UUID]:
    ids = sorted(new_id() for _ in range(count))
    await vectors.insert(COLLECTION, TENANT, [object_of(key) for key in ids])
    return ids


def audit(
    rows: FakeRows, vectors: MemoryVectorStore, incarnation: Any = None, **options: int
) -> SweepOrphans:
    values = {"at_once": 5, "objects_per_turn": 5, "places_per_turn": 5, "slices_per_turn": 5} | options
    return SweepOrphans(
        rows=rows,
        vectors=vectors,
        options=AuditOptions(recent_seconds=60.0, recent_batches=5, **values),
        incarnation=incarnation or (lambda: None),
    )


async def test_a_hollow_object_is_found_although_it_is_stored(vectors: MemoryVectorStore) -> None:
    vectors.holes_in_next_insert = 1
    ids = await put(vectors, 3)
    rows = FakeRows(served=set(ids))
    assert await audit(rows, vectors).run_once() == {"broken": 1, "orphans": 0}
    assert rows.noted == {ids[-1]: "hollow"}
    assert rows.advanced == [(None, 1, 0)]


async def test_an_object_that_no_filter_finds_is_broken_and_no_orphan(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 3)
    vectors.hide_from_filters(COLLECTION, TENANT, ids[1])
    rows = FakeRows(served=set(ids))
    await audit(rows, vectors).run_once()
    assert rows.noted == {ids[1]: "hollow"}


async def test_an_orphan_that_no_filter_finds_is_deleted(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 3)
    vectors.hide_from_filters(COLLECTION, TENANT, ids[1])
    rows = FakeRows(served=set(ids) - {ids[1]})
    assert await audit(rows, vectors).run_once() == {"orphans": 1}
    assert await vectors.existing(COLLECTION, TENANT, ids) == {ids[0], ids[2]}


async def test_what_is_on_its_way_in_or_out_is_left_alone(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 3)
    rows = FakeRows(served={ids[0]}, known=set(ids[1:]))
    assert await audit(rows, vectors).run_once() == {"orphans": 0}
    assert await vectors.existing(COLLECTION, TENANT, ids) == set(ids)


async def test_what_was_deleted_and_forgotten_while_the_audit_looked_is_no_orphan(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 2)
    rows = FakeRows(served={ids[0]})
    seen = rows.strangers

    async def purged_meanwhile(place: Place, object_ids: Collection[UUID]) -> list[UUID]:
        vectors.lose(COLLECTION, TENANT, ids[1])
        return await seen(place, object_ids)

    rows.strangers = purged_meanwhile  # type: ignore[method-assign]  # the moment in between
    assert await audit(rows, vectors).run_once() == {"orphans": 0}


async def test_what_is_not_served_any_more_when_postgres_is_asked_again_is_not_missed(
    vectors: MemoryVectorStore,
) -> None:
    rows = FakeRows(served={new_id()})
    task = audit(rows, vectors)
    scan = vectors.scan

    async def retired_meanwhile(*args: Any, **kwargs: Any) -> Any:
        rows.served.clear()
        return await scan(*args, **kwargs)

    vectors.scan = retired_meanwhile  # type: ignore[method-assign]  # the moment in between
    assert await task.run_once() == {"orphans": 0}
    assert rows.noted == {}
    assert rows.advanced == [(None, 0, 0)]


async def test_a_sound_slice_ends_the_turn_and_the_next_one_goes_on_behind_it(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 12)
    rows = FakeRows(served=set(ids))
    task = audit(rows, vectors)
    for _ in range(3):
        await task.run_once()
    assert [after for after, _, _ in rows.advanced] == [ids[4], ids[9], None]


@pytest.mark.parametrize("schema_lost", [True, False])
async def test_an_index_that_lost_everything_is_walked_to_the_end_in_one_turn(
    vectors: MemoryVectorStore, *, schema_lost: bool
) -> None:
    rows = FakeRows(served={new_id() for _ in range(22)})
    if schema_lost:
        vectors.wipe()
    assert await audit(rows, vectors).run_once() == {"broken": 22, "orphans": 0}
    assert set(rows.noted) == rows.served
    assert set(rows.noted.values()) == {"missing"}


async def test_recent_batches_are_verified_when_weaviate_was_away_and_only_then(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 3)
    rows = FakeRows(served=set(ids), recent=[RecentBatch(new_id(), PLACE)])
    since = ["start"]
    task = audit(rows, vectors, lambda: since[-1], objects_per_turn=0)
    await task.run_once()
    vectors.lose(COLLECTION, TENANT, ids[0])
    assert await task.run_once() == {}
    since.append("back again")
    assert await task.run_once() == {"broken": 1}
    assert rows.noted == {ids[0]: "missing"}


async def test_a_check_that_an_outage_interrupted_is_done_again(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 2)
    rows = FakeRows(served=set(ids), recent=[RecentBatch(new_id(), PLACE)])
    task = audit(rows, vectors, lambda: "away", objects_per_turn=0)
    vectors.down = True
    with pytest.raises(VectorsUnavailableError):
        await task.run_once()
    vectors.down = False
    vectors.lose(COLLECTION, TENANT, ids[0])
    assert await task.run_once() == {"broken": 1}
