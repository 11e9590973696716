"""The ways in which the in-memory vector store can be told to go wrong, as the real one does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared.clock import new_id
from shared.testing.vectors import MemoryVectorStore
from shared.vectors import (
    BatchNotVerifiedError,
    CollectionMissingError,
    ReadinessStatus,
    SearchMode,
    SearchQuery,
    VectorObject,
    VectorsReadOnlyError,
    VectorsRejectedError,
    VectorsUnavailableError,
)

COLLECTION, TENANT = "Chunks_1", "default"


@pytest.fixture
async def store() -> MemoryVectorStore:
    made = MemoryVectorStore()
    await made.ensure_collection(COLLECTION, dimensions=3)
    await made.ensure_alias(COLLECTION)
    await made.ensure_tenant(COLLECTION, TENANT)
    return made


def some(number: int) -> list[VectorObject]:
    batch = new_id()
    return [
        replace(
            VectorObject.barrier(new_id(), np.array([1, index, 2], dtype=np.float32)),
            batch_id=batch,
            text=f"text {index}",
        )
        for index in range(number)
    ]


async def write(store: MemoryVectorStore, objects: list[VectorObject]) -> None:
    await store.write_batch(COLLECTION, TENANT, objects, barrier_id=new_id())


async def test_holes_are_counted_but_not_found_and_sending_again_does_not_heal_them(
    store: MemoryVectorStore,
) -> None:
    objects = some(5)
    store.holes_in_next_insert = 2

    for _ in range(2):
        with pytest.raises(BatchNotVerifiedError) as caught:
            await write(store, objects)
        assert caught.value.missing == {one.object_id for one in objects[3:]}
    assert await store.count(COLLECTION, TENANT, batch_id=objects[0].batch_id) == 5

    batch = new_id()
    await write(store, [replace(one, object_id=new_id(), batch_id=batch) for one in objects])


async def test_a_cut_insert_fails_and_leaves_holes(store: MemoryVectorStore) -> None:
    objects = some(3)
    store.cut_next_insert = True

    with pytest.raises(VectorsUnavailableError):
        await write(store, objects)
    ids = [one.object_id for one in objects]
    assert await store.existing(COLLECTION, TENANT, ids) == set(ids)
    assert await store.vector_findable(COLLECTION, TENANT, ids) == set()


async def test_hidden_objects_are_reached_by_id_and_by_scan_only(store: MemoryVectorStore) -> None:
    (one,) = objects = some(1)
    await store.insert(COLLECTION, TENANT, objects)
    store.hide_from_filters(COLLECTION, TENANT, one.object_id)

    assert await store.delete_by_source(COLLECTION, TENANT, one.source_id) == 0
    assert [entry.object_id for entry in await store.scan(COLLECTION, TENANT, after=None, limit=5)] == [
        one.object_id
    ]
    assert await store.delete_by_ids(COLLECTION, TENANT, [one.object_id]) == 0
    assert await store.scan(COLLECTION, TENANT, after=None, limit=5) == []


async def test_lost_and_wiped(store: MemoryVectorStore) -> None:
    objects = some(2)
    await write(store, objects)
    store.lose(COLLECTION, TENANT, objects[0].object_id)
    assert await store.existing(COLLECTION, TENANT, [one.object_id for one in objects]) == {
        objects[1].object_id
    }

    store.wipe()
    with pytest.raises(CollectionMissingError):
        await store.search(TENANT, SearchQuery(mode=SearchMode.KEYWORD, text="text"))


async def test_a_poison_document_is_rejected(store: MemoryVectorStore) -> None:
    store.refused_text = "text 1"

    with pytest.raises(VectorsRejectedError):
        await write(store, some(3))
    await write(store, some(1))


async def test_read_only_and_down(store: MemoryVectorStore) -> None:
    await write(store, some(1))
    store.read_only = True
    with pytest.raises(VectorsReadOnlyError):
        await write(store, some(1))
    assert len(await store.search(TENANT, SearchQuery(mode=SearchMode.KEYWORD, text="text"))) == 1
    assert (await store.readiness()).status is ReadinessStatus.DEGRADED

    store.down = True
    with pytest.raises(VectorsUnavailableError):
        await store.collections()
    assert (await store.readiness()).status is ReadinessStatus.DOWN
