"""What a real Weaviate does wrong, and what the store makes of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

from shared.clock import new_id
from shared.vectors import (
    BatchNotVerifiedError,
    Deadlines,
    Mark,
    ReadinessStatus,
    SearchMode,
    SearchQuery,
    VectorObject,
    VectorsReadOnlyError,
    VectorsUnavailableError,
    WeaviateStore,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from support.servers import WeaviateServer

DIMENSIONS = 32
TENANT = "default"
QUERY = SearchQuery(mode=SearchMode.VECTOR, vector=np.ones(DIMENSIONS, dtype=np.float32))


@dataclass(frozen=True)
class Place:
    server: WeaviateServer
    store: WeaviateStore
    collection: str


async def open_store(
    server: WeaviateServer, *, deadlines: Deadlines | None = None, key: str = ""
) -> WeaviateStore:
    return await WeaviateStore.open(
        url=server.url, grpc_address=server.grpc, api_key=key or server.api_key, deadlines=deadlines
    )


@asynccontextmanager
async def opened(server: WeaviateServer, *, deadlines: Deadlines) -> AsyncIterator[WeaviateStore]:
    store = await open_store(server, deadlines=deadlines)
    yield store
    await store.close()


@pytest.fixture
async def place(weaviate: WeaviateServer) -> AsyncIterator[Place]:
    store = await open_store(weaviate)
    collection = f"Fault_{new_id().hex}"
    await store.ensure_collection(collection, dimensions=DIMENSIONS)
    await store.ensure_tenant(collection, TENANT)
    await store.ensure_alias(collection)
    yield Place(server=weaviate, store=store, collection=collection)
    await asyncio.to_thread(weaviate.heal)
    await eventually(lambda: store.drop_collection(collection))
    await store.close()


def some(number: int, *, text: str = "some words and a number " * 10) -> list[VectorObject]:
    source, document, batch = new_id(), new_id(), new_id()
    vectors = np.random.default_rng(number).standard_normal((number, DIMENSIONS)).astype(np.float32)
    return [
        VectorObject(
            object_id=new_id(),
            chunk_id=new_id(),
            source_id=source,
            document_id=document,
            batch_id=batch,
            type="web",
            language="en",
            text=text,
            vector=vector,
        )
        for vector in vectors
    ]


def ids(objects: list[VectorObject]) -> list[UUID]:
    return [one.object_id for one in objects]


async def eventually(action: Callable[[], Awaitable[object]], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            await action()
        except VectorsUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return


def all_calls(store: WeaviateStore, collection: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """Every operation that talks to Weaviate, with arguments that would do."""
    one = some(1)
    known = [new_id()]
    return {
        "ensure_collection": lambda: store.ensure_collection(collection, dimensions=DIMENSIONS),
        "ensure_alias": lambda: store.ensure_alias(collection),
        "ensure_tenant": lambda: store.ensure_tenant(collection, TENANT),
        "delete_tenant": lambda: store.delete_tenant(collection, "nobody"),
        "collections": store.collections,
        "tenants": lambda: store.tenants(collection),
        "insert": lambda: store.insert(collection, TENANT, one),
        "write_batch": lambda: store.write_batch(collection, TENANT, one, barrier_id=new_id()),
        "verify_batch": lambda: store.verify_batch(collection, TENANT, batch_id=new_id(), object_ids=known),
        "delete_by_source": lambda: store.delete_by_source(collection, TENANT, new_id()),
        "delete_by_ids": lambda: store.delete_by_ids(collection, TENANT, known),
        "search": lambda: store.search(TENANT, QUERY),
        "count": lambda: store.count(collection, TENANT),
        "scan": lambda: store.scan(collection, TENANT, after=None, limit=5),
        "existing": lambda: store.existing(collection, TENANT, known),
        "vector_findable": lambda: store.vector_findable(collection, TENANT, known),
        "starts": store.starts,
        "read_mark": store.read_mark,
        "write_mark": lambda: store.write_mark(Mark(history=new_id(), turn=1)),
    }


async def test_every_call_fails_at_once_while_it_is_down_and_works_after_its_return(place: Place) -> None:
    objects = some(20)
    await place.store.write_batch(place.collection, TENANT, objects, barrier_id=new_id())

    await asyncio.to_thread(place.server.kill9)
    slow = []
    for name, call in all_calls(place.store, place.collection).items():
        begun = time.monotonic()
        with pytest.raises(VectorsUnavailableError):
            await call()
        if time.monotonic() - begun > 1:
            slow.append(name)
    assert slow == []
    assert (await place.store.readiness()).status is ReadinessStatus.DOWN
    made_while_down = await open_store(place.server)

    await asyncio.to_thread(place.server.start)
    for store in (place.store, made_while_down):
        await eventually(lambda store=store: store.search(TENANT, QUERY), seconds=3)  # type: ignore[misc]  # bound now
        assert await store.vector_findable(place.collection, TENANT, ids(objects)) == set(ids(objects))
        assert (await store.readiness()).status is ReadinessStatus.UP
    await made_while_down.close()


async def test_every_call_ends_with_its_deadline_while_it_is_frozen(place: Place) -> None:
    deadlines = Deadlines(query_seconds=0.2, write_seconds=0.3, readiness_seconds=0.2)
    async with opened(place.server, deadlines=deadlines) as store:
        await store.search(TENANT, QUERY)
        place.server.pause()
        slow = []
        for name, call in all_calls(store, place.collection).items():
            begun = time.monotonic()
            with pytest.raises(VectorsUnavailableError):
                await call()
            if time.monotonic() - begun > 1.2:
                slow.append(name)
        assert slow == []
        assert (await store.readiness()).status is ReadinessStatus.DOWN
        begun = time.monotonic()
        with pytest.raises(VectorsUnavailableError):
            await place.store.search(TENANT, QUERY, deadline_seconds=0.2)
        assert time.monotonic() - begun < 1.2

        place.server.resume()
        await eventually(lambda: store.search(TENANT, QUERY), seconds=3)


async def test_an_insert_cut_short_leaves_holes_that_sending_again_hides(place: Place) -> None:
    """The trap that objects, batches and their verification exist for."""
    objects: list[VectorObject] = []
    holes = 0
    for milliseconds in range(4, 100, 4):
        objects = some(500)
        async with opened(place.server, deadlines=Deadlines(write_seconds=milliseconds / 1000)) as hasty:
            try:
                await hasty.insert(place.collection, TENANT, objects)
            except VectorsUnavailableError:
                stored = await place.store.count(place.collection, TENANT, batch_id=objects[0].batch_id)
                found = await place.store.vector_findable(place.collection, TENANT, ids(objects))
                holes = stored - len(found)
        if holes > 0:
            break
    assert holes > 0, "no deadline cut an insert in its middle"

    await place.store.insert(place.collection, TENANT, objects)  # acknowledged without an error
    batch = objects[0].batch_id
    assert await place.store.count(place.collection, TENANT, batch_id=batch) == 500
    with pytest.raises(BatchNotVerifiedError) as caught:
        await place.store.verify_batch(place.collection, TENANT, batch_id=batch, object_ids=ids(objects))
    assert caught.value.missing
    assert not caught.value.unexpected

    again = new_id()
    attempt = [replace(one, object_id=new_id(), batch_id=again) for one in objects]
    await place.store.write_batch(place.collection, TENANT, attempt, barrier_id=new_id())
    await place.store.delete_by_ids(place.collection, TENANT, ids(objects))
    assert await place.store.existing(place.collection, TENANT, ids(objects)) == set()
    assert await place.store.count(place.collection, TENANT, batch_id=again) == 500


async def test_a_verified_batch_survives_a_kill(place: Place) -> None:
    objects = some(1500)
    barrier = new_id()
    await place.store.write_batch(place.collection, TENANT, objects, barrier_id=barrier)

    await asyncio.to_thread(place.server.kill9)
    await asyncio.to_thread(place.server.start)

    batch = objects[0].batch_id
    await eventually(
        lambda: place.store.verify_batch(place.collection, TENANT, batch_id=batch, object_ids=ids(objects))
    )
    assert await place.store.existing(place.collection, TENANT, [barrier]) == {barrier}


@pytest.mark.parametrize(
    "stored", [1, 100, 500], ids=["nothing whole", "no insert whole", "one insert whole"]
)
async def test_what_a_kill_in_the_middle_leaves_is_deleted(place: Place, stored: int) -> None:
    """A shard that was killed before its first insert ended has lost the lengths that each delete subtracts from."""
    objects = await kill_while_inserting(place, stored)

    # What is still loading may refuse the first call, as the janitor's next turn finds it.
    await eventually(lambda: place.store.delete_by_source(place.collection, TENANT, objects[0].source_id))
    await eventually(lambda: place.store.delete_by_ids(place.collection, TENANT, ids(objects)))

    assert await place.store.existing(place.collection, TENANT, ids(objects)) == set()
    assert await place.store.scan(place.collection, TENANT, after=None, limit=10) == []
    assert await place.store.count(place.collection, TENANT) == 0


async def test_what_is_counted_though_it_is_gone_holds_no_deletion_up(place: Place) -> None:
    objects = await kill_while_inserting(place, 100)
    source = objects[0].source_id
    where = {"path": ["source_id"], "operator": "Equal", "valueText": str(source)}
    path = f"/v1/batch/objects?tenant={TENANT}"
    told = await ask(place, "DELETE", path, {"match": {"class": place.collection, "where": where}})
    # All of them, and deleted all the same; none where the first call had ended before the kill came.
    failed = told["results"]["failed"]
    assert failed in {0, told["results"]["matches"]}
    assert await place.store.count(place.collection, TENANT, batch_id=objects[0].batch_id) >= failed

    assert await place.store.delete_by_source(place.collection, TENANT, source) == 0

    await place.store.delete_by_ids(place.collection, TENANT, ids(objects))
    assert await place.store.count(place.collection, TENANT) == 0


async def kill_while_inserting(place: Place, stored: int) -> list[VectorObject]:
    """1,200 objects of which at least so many were stored when Weaviate was killed; it runs again."""
    objects = some(1200)
    sending = asyncio.create_task(place.store.insert(place.collection, TENANT, objects))
    while await place.store.count(place.collection, TENANT) < stored:
        assert not sending.done()
    await asyncio.to_thread(place.server.kill9)
    with pytest.raises(VectorsUnavailableError):
        await sending
    await asyncio.to_thread(place.server.start)
    await eventually(lambda: place.store.count(place.collection, TENANT))
    return objects


async def test_a_read_only_shard_stores_nothing_and_says_so(place: Place) -> None:
    kept = some(20)
    await place.store.write_batch(place.collection, TENANT, kept, barrier_id=new_id())
    await set_shard(place, "READONLY")
    store, collection = place.store, place.collection

    with pytest.raises(VectorsReadOnlyError):
        await store.insert(collection, TENANT, some(100))
    with pytest.raises(VectorsUnavailableError):
        await store.delete_by_source(collection, TENANT, kept[0].source_id)
    with pytest.raises(VectorsUnavailableError):
        await store.delete_by_ids(collection, TENANT, ids(kept))
    with pytest.raises(VectorsReadOnlyError):
        await store.delete_by_ids(collection, TENANT, [new_id(), new_id()])
    assert await store.count(collection, TENANT) == 21
    assert len(await store.search(TENANT, QUERY)) == 10
    readiness = await store.readiness()
    assert readiness.status is ReadinessStatus.DEGRADED
    assert collection in readiness.detail

    await set_shard(place, "READY")
    assert await store.delete_by_source(collection, TENANT, kept[0].source_id) == 20
    assert (await store.readiness()).status is ReadinessStatus.UP


async def set_shard(place: Place, status: str) -> None:
    await ask(place, "PUT", f"/v1/schema/{place.collection}/shards/{TENANT}", {"status": status})


async def ask(place: Place, method: str, path: str, body: object) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {place.server.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, place.server.url + path, json=body) as answer,
    ):
        assert answer.status == 200
        told: dict[str, Any] = await answer.json()
        return told


async def test_a_source_of_more_than_one_call_can_delete_is_deleted_whole(place: Place) -> None:
    objects = some(10_400, text="word")
    await place.store.insert(place.collection, TENANT, objects)

    assert await place.store.delete_by_source(place.collection, TENANT, objects[0].source_id) == 10_400
    assert await place.store.count(place.collection, TENANT) == 0


async def test_a_refused_key_is_an_outage_and_no_fault_of_the_document(place: Place) -> None:
    store = await open_store(place.server, key="wrong")

    with pytest.raises(VectorsUnavailableError):
        await store.search(TENANT, QUERY)
    with pytest.raises(VectorsUnavailableError):
        await store.collections()
    assert (await store.readiness()).status is ReadinessStatus.DOWN
    await store.close()
