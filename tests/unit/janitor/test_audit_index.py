"""The audit's decisions, on an index that goes wrong in Weaviate's ways."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest

from janitor.tasks.audit_index import AuditIndex, AuditOptions
from janitor.tasks.verify_changed import VerifyChanged
from janitor.tasks.verify_recent import VerifyRecent
from janitor.usecases.check_objects import CheckObjects
from janitor.usecases.verify_places import VerifyPlaces
from janitor.usecases.watch_stores import WatchStores
from shared.clock import new_id
from shared.postgres.upkeep_audit import Broken, Place, RecentBatch, Served
from shared.postgres.upkeep_watch import ChangedVersion, Remembered, Watch, find_reason
from shared.testing.vectors import MemoryVectorStore
from shared.vectors import Mark, VectorObject, VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

COLLECTION = "Chunks_test"
TENANT = "default"
PLACE = Place(new_id(), TENANT, COLLECTION)


@dataclass
class FakeRows:
    """What Postgres says: objects that are served, and others that belong there."""

    served: set[UUID] = field(default_factory=set)
    known: set[UUID] = field(default_factory=set)
    leaving: set[UUID] = field(default_factory=set)
    noted: dict[UUID, str] = field(default_factory=dict)
    advanced: list[tuple[UUID | None, int, int]] = field(default_factory=list)
    passed_over: list[Place] = field(default_factory=list)
    after: UUID | None = None
    recent: list[RecentBatch] = field(default_factory=list)

    async def places(self, *, at_most: int) -> list[Place]:
        return [replace(PLACE, after=self.after)]

    async def active(self, place: Place, *, at_most: int) -> list[Served]:
        active = self.served | self.leaving
        ids = sorted(key for key in active if place.after is None or key > place.after)[:at_most]
        return [replace(served(object_of(key)), is_live=key in self.served) for key in ids]

    async def strangers(self, place: Place, object_ids: Collection[UUID]) -> list[UUID]:
        return sorted(set(object_ids) - self.served - self.known)

    async def note_broken(self, kinds: Mapping[UUID, str]) -> Broken:
        found = {key: kind for key, kind in kinds.items() if key in self.served}
        new = found.keys() - self.noted.keys()
        self.noted |= found
        return Broken(len(found), Counter(found[key] for key in new))

    async def advance(self, place: Place, *, after: UUID | None, missing: int, orphans: int) -> None:
        self.after = after
        self.advanced.append((after, missing, orphans))

    async def pass_over(self, place: Place) -> None:
        self.passed_over.append(place)

    async def recent_batches(self, *, since: datetime, until: datetime, at_most: int) -> list[RecentBatch]:
        found = [batch for batch in self.recent if since <= batch.closed_at <= until]
        return sorted(found, key=lambda batch: batch.closed_at, reverse=True)[:at_most]

    async def active_of_batch(self, batch_id: UUID) -> list[UUID]:
        return sorted(self.served)

    async def active_of_documents(
        self, source_ids: Sequence[UUID], document_ids: Sequence[UUID]
    ) -> dict[Place, list[UUID]]:
        return {PLACE: sorted(self.served)}


@dataclass
class FakeWatch:
    """What the audit remembers, and the look at both stores."""

    watch: Watch = field(default_factory=lambda: Watch(history=new_id(), turn=1, starts="w:1"))
    full_rounds: int = 1
    rechecks: list[tuple[str, datetime | None]] = field(default_factory=list)
    versions: list[ChangedVersion] = field(default_factory=list)
    seen: list[ChangedVersion] = field(default_factory=list)

    async def look(self, **_: object) -> Watch:
        return self.watch

    async def rechecked(self, *, starts: str, down_to: datetime | None) -> None:
        self.rechecks.append((starts, down_to))
        window = self.watch.recheck_from if down_to else None
        self.watch = replace(self.watch, recheck_from=window, recheck_to=down_to)

    async def end_full(self) -> bool:
        self.full_rounds -= 1
        return self.full_rounds == 0

    async def changed(self, *, settled_seconds: float, at_most: int) -> list[ChangedVersion]:
        return [one for one in self.versions if one not in self.seen][:at_most]

    async def changes_seen(self, last: ChangedVersion) -> None:
        self.seen = self.versions[: self.versions.index(last) + 1]


@pytest.fixture
async def vectors() -> MemoryVectorStore:
    store = MemoryVectorStore()
    await store.ensure_collection(COLLECTION, dimensions=2)
    await store.ensure_tenant(COLLECTION, TENANT)
    return store


def object_of(object_id: UUID, **fields: Any) -> VectorObject:
    """All ids of an object are its own, unless said otherwise."""
    values: dict[str, Any] = dict.fromkeys(
        ("object_id", "chunk_id", "source_id", "document_id", "batch_id"), object_id
    ) | {"type": "web", "language": "en", "text": "text", "vector": np.array([1.0, 2.0], dtype=np.float32)}
    return VectorObject(**values | fields)


def served(one: VectorObject) -> Served:
    return Served(
        object_id=one.object_id,
        chunk_id=one.chunk_id,
        source_id=one.source_id,
        document_id=one.document_id,
        batch_id=one.batch_id,
        type=one.type,
    )


async def put(vectors: MemoryVectorStore, count: int) -> list[UUID]:
    ids = sorted(new_id() for _ in range(count))
    await vectors.insert(COLLECTION, TENANT, [object_of(key) for key in ids])
    return ids


def audit(
    rows: FakeRows, vectors: MemoryVectorStore, watch: FakeWatch | None = None, **options: int
) -> AuditIndex:
    values = {"at_once": 5, "objects_per_turn": 5, "places_per_turn": 5, "slices_per_turn": 5} | options
    watch = watch or FakeWatch()
    return AuditIndex(
        rows=rows,
        check=CheckObjects(rows=rows, vectors=vectors),
        watch=watch,
        watched=watch,
        options=AuditOptions(**{"full_objects_per_turn": 50} | values),
    )


def recent(rows: FakeRows, vectors: MemoryVectorStore, watch: FakeWatch) -> VerifyRecent:
    return VerifyRecent(
        rows=rows, places=places(rows, vectors, watch), watch=watch, watched=watch, batches_per_turn=2
    )


def places(rows: FakeRows, vectors: MemoryVectorStore, watch: FakeWatch) -> VerifyPlaces:
    return VerifyPlaces(check=CheckObjects(rows=rows, vectors=vectors), watch=watch, tries=3)


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
    assert await audit(rows, vectors).run_once() == {"broken": 0, "orphans": 1}
    assert await vectors.existing(COLLECTION, TENANT, ids) == {ids[0], ids[2]}


async def test_what_is_on_its_way_in_or_out_is_left_alone(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 3)
    rows = FakeRows(served={ids[0]}, known=set(ids[1:]))
    assert await audit(rows, vectors).run_once() == {"broken": 0, "orphans": 0}
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
    assert await audit(rows, vectors).run_once() == {"broken": 0, "orphans": 0}


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
    assert await task.run_once() == {"broken": 0, "orphans": 0}
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


async def test_objects_of_a_source_that_goes_are_neither_missed_nor_orphans(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 12)
    # Behind all others: ids of one millisecond are in no order.
    unstored = UUID(int=max(ids).int + 1)
    rows = FakeRows(served=set(ids[9:]), leaving={*ids[:9], unstored})
    task = audit(rows, vectors)
    turns = [await task.run_once() for _ in range(2)]
    assert turns == [{"broken": 0, "orphans": 0}] * 2
    assert rows.noted == {}
    assert rows.after is None, "a page of what is leaving is no end of the walk"
    assert await vectors.existing(COLLECTION, TENANT, ids) == set(ids)


@pytest.mark.parametrize("name", ["chunk_id", "source_id", "document_id", "batch_id", "type"])
async def test_an_object_that_says_of_itself_what_its_row_does_not_is_altered(
    vectors: MemoryVectorStore, name: str
) -> None:
    good, bad = new_id(), new_id()
    value = "upload" if name == "type" else new_id()
    await vectors.insert(COLLECTION, TENANT, [object_of(good), object_of(bad, **{name: value})])
    rows = FakeRows(served={good, bad})
    assert await audit(rows, vectors).run_once() == {"broken": 1, "orphans": 0}
    assert rows.noted == {bad: "altered"}


async def test_while_everything_has_to_be_compared_a_turn_goes_on_until_it_is_done(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 12)
    rows = FakeRows(served=set(ids))
    watch = FakeWatch(full_rounds=3)
    watch.watch = replace(watch.watch, is_full=True)
    assert (await audit(rows, vectors, watch).run_once())["full"] == 1
    assert [after for after, _, _ in rows.advanced] == [ids[4], ids[9], None]


async def test_a_place_that_cannot_be_compared_lets_the_others_come_first(vectors: MemoryVectorStore) -> None:
    rows = FakeRows()
    vectors.down = True
    with pytest.raises(VectorsUnavailableError):
        await audit(rows, vectors).run_once()
    assert rows.passed_over == [PLACE]
    assert rows.advanced == []


async def test_a_full_audit_has_a_budget_as_well(vectors: MemoryVectorStore) -> None:
    rows = FakeRows(served=set(await put(vectors, 50)))
    watch = FakeWatch(full_rounds=99)
    watch.watch = replace(watch.watch, is_full=True)
    await audit(rows, vectors, watch, full_objects_per_turn=20).run_once()
    assert len(rows.advanced) == 4


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def batches(count: int) -> list[RecentBatch]:
    return [RecentBatch(new_id(), PLACE, NOON - timedelta(minutes=n)) for n in range(count)]


def owed(minutes: int) -> FakeWatch:
    window = Watch(
        history=new_id(),
        turn=1,
        starts="w:2",
        recheck_from=NOON - timedelta(minutes=minutes),
        recheck_to=NOON,
    )
    return FakeWatch(watch=window)


async def test_recent_batches_are_verified_where_they_are_owed_and_only_then(
    vectors: MemoryVectorStore,
) -> None:
    ids = await put(vectors, 3)
    rows = FakeRows(served=set(ids), recent=batches(1))
    vectors.lose(COLLECTION, TENANT, ids[0])
    assert await recent(rows, vectors, FakeWatch()).run_once() == {}
    watch = owed(10)
    assert await recent(rows, vectors, watch).run_once() == {"batches": 1, "broken": 1}
    assert rows.noted == {ids[0]: "missing"}
    assert watch.rechecks == [("w:2", None)]
    assert await recent(rows, vectors, watch).run_once() == {}


async def test_what_is_owed_is_paid_in_bounded_parts_newest_first(vectors: MemoryVectorStore) -> None:
    rows = FakeRows(served=set(await put(vectors, 1)), recent=batches(5))
    watch = owed(3)  # the fifth is too old
    task = recent(rows, vectors, watch)
    while watch.watch.recheck_from is not None:
        await task.run_once()
    assert [down_to for _, down_to in watch.rechecks] == [
        NOON - timedelta(minutes=1),
        NOON - timedelta(minutes=2),
        NOON - timedelta(minutes=3),
        None,
    ]


async def test_a_check_that_an_outage_interrupted_is_still_owed(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 2)
    rows = FakeRows(served=set(ids), recent=batches(1))
    watch = owed(10)
    task = recent(rows, vectors, watch)
    vectors.down = True
    with pytest.raises(VectorsUnavailableError):
        await task.run_once()
    vectors.down = False
    vectors.lose(COLLECTION, TENANT, ids[0])
    assert await task.run_once() == {"batches": 1, "broken": 1}


def version(chunks: int) -> ChangedVersion:
    return ChangedVersion(
        version_id=new_id(), activated_at=NOON, source_id=new_id(), document_id=new_id(), chunk_count=chunks
    )


async def test_what_came_to_be_served_is_looked_at_once_within_a_budget(vectors: MemoryVectorStore) -> None:
    ids = await put(vectors, 2)
    vectors.lose(COLLECTION, TENANT, ids[0])
    rows = FakeRows(served=set(ids))
    watch = FakeWatch(versions=[version(99), version(4), version(6), version(1)])
    task = VerifyChanged(
        rows=rows,
        places=places(rows, vectors, watch),
        watched=watch,
        settled_seconds=30.0,
        objects_per_turn=10,
        versions_per_turn=3,
    )
    assert await task.run_once() == {"broken": 1}
    assert watch.seen == watch.versions[:1], "one at least, however large it is"
    await task.run_once()
    assert watch.seen == watch.versions[:3]
    await task.run_once()
    assert await task.run_once() == {}


HISTORY = new_id()


@pytest.mark.parametrize(
    ("remembered", "turn", "marked", "same", "word"),
    [
        (9, 9, 8, True, ""),
        (8, 9, 8, True, ""),
        (4, 9, 9, True, ""),  # two janitors wrote in the other order
        (None, 1, 0, True, ""),  # the answer to the first mark was lost
        (None, 9, 8, True, "lost its data"),
        (10, 9, 8, True, "Postgres is older"),
        (3, 12, 9, True, "Weaviate is older"),
        (9, 9, 8, False, "another Postgres"),
    ],
)
def test_who_went_back_in_time(
    remembered: int | None, turn: int, marked: int, word: str, *, same: bool
) -> None:
    found = find_reason(
        remembered=None if remembered is None else Remembered(history=HISTORY, turn=remembered),
        history=HISTORY,
        turn=turn,
        marked=marked,
        same_database=same,
    )
    assert word in found
    assert bool(word) == bool(found)


async def test_a_look_marks_in_weaviate_what_postgres_has_committed(vectors: MemoryVectorStore) -> None:
    watch = FakeWatch()
    looking = WatchStores(rows=watch, identity=vectors)
    assert await looking.look() == watch.watch
    assert await vectors.read_mark() == Mark(history=watch.watch.history, turn=1)
