"""What every vector store does: Weaviate and the fake."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shared.clock import new_id
from shared.testing.vectors import MemoryVectorStore
from shared.vectors import (
    ALIAS,
    BatchNotVerifiedError,
    CollectionMissingError,
    Filters,
    InvalidBatchError,
    Mark,
    ReadinessStatus,
    SearchMode,
    SearchQuery,
    TenantMissingError,
    VectorObject,
    VectorsRejectedError,
    VectorStore,
    VectorsUnavailableError,
    WeaviateStore,
)
from shared.vectors.port import MARKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from uuid import UUID

    from numpy.typing import NDArray

DIMENSIONS = 8
TENANT = "default"


@dataclass(frozen=True)
class Place:
    store: VectorStore
    collection: str

    async def write(self, objects: Sequence[VectorObject], *, tenant: str = TENANT) -> UUID:
        barrier = new_id()
        await self.store.write_batch(self.collection, tenant, objects, barrier_id=barrier)
        return barrier

    async def find(self, query: SearchQuery) -> list[UUID]:
        return [hit.object_id for hit in await self.store.search(TENANT, query)]


@pytest.fixture(params=["weaviate", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VectorStore]:
    made: VectorStore
    if request.param == "weaviate":
        server = request.getfixturevalue("weaviate")
        made = await WeaviateStore.open(url=server.url, grpc_address=server.grpc, api_key=server.api_key)
    else:
        made = MemoryVectorStore()
    yield made
    await made.close()


@pytest.fixture
async def place(store: VectorStore) -> AsyncIterator[Place]:
    collection = f"Test_{new_id().hex}"
    await store.ensure_collection(collection, dimensions=DIMENSIONS)
    await store.ensure_tenant(collection, TENANT)
    await store.ensure_alias(collection)
    yield Place(store=store, collection=collection)
    await store.drop_collection(collection)


def vector(seed: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made), dtype=np.float32)


def some(
    number: int,
    *,
    source: UUID | None = None,
    batch: UUID | None = None,
    texts: Sequence[str] = (),
    type_: str = "web",
    language: str = "en",
) -> list[VectorObject]:
    source, batch, document = source or new_id(), batch or new_id(), new_id()
    return [
        VectorObject(
            object_id=new_id(),
            chunk_id=new_id(),
            source_id=source,
            document_id=document,
            batch_id=batch,
            type=type_,
            language=language,
            text=texts[index] if texts else f"text number {index}",
            vector=vector(index + 1),
        )
        for index in range(number)
    ]


def by_vector(of: NDArray[np.float32], *, limit: int = 10, filters: Filters | None = None) -> SearchQuery:
    return SearchQuery(mode=SearchMode.VECTOR, vector=of, limit=limit, filters=filters or Filters())


def by_words(text: str, *, limit: int = 10) -> SearchQuery:
    return SearchQuery(mode=SearchMode.KEYWORD, text=text, limit=limit)


# Collections and tenants


async def test_making_twice_is_making_once(place: Place) -> None:
    await place.write(some(1))

    await place.store.ensure_collection(place.collection, dimensions=DIMENSIONS)
    await place.store.ensure_tenant(place.collection, TENANT)
    await place.store.ensure_alias(place.collection)

    assert place.collection in await place.store.collections()
    assert await place.store.tenants(place.collection) == [TENANT]
    assert await place.store.count(place.collection, TENANT) == 2


async def test_a_collection_of_other_dimensions_is_refused(place: Place) -> None:
    with pytest.raises(VectorsRejectedError, match="dimensions"):
        await place.store.ensure_collection(place.collection, dimensions=DIMENSIONS + 1)


async def test_the_alias_follows_at_once(place: Place) -> None:
    objects = some(1)
    await place.write(objects)
    other = f"Test_{new_id().hex}"
    await place.store.ensure_collection(other, dimensions=DIMENSIONS)
    await place.store.ensure_tenant(other, TENANT)

    await place.store.ensure_alias(other)
    assert await place.find(by_vector(objects[0].vector)) == []
    await place.store.ensure_alias(place.collection)
    assert objects[0].object_id in await place.find(by_vector(objects[0].vector))
    await place.store.drop_collection(other)


async def test_tenants_do_not_see_each_other(place: Place) -> None:
    await place.store.ensure_tenant(place.collection, "other")
    mine, theirs = some(1), some(1)
    await place.write(mine)
    await place.write(theirs, tenant="other")

    found = await place.find(by_vector(mine[0].vector))

    assert mine[0].object_id in found
    assert theirs[0].object_id not in found
    assert await place.store.existing(place.collection, TENANT, [theirs[0].object_id]) == set()


async def test_a_deleted_tenant_stays_deleted(place: Place) -> None:
    store, collection = place.store, place.collection
    await place.write(some(1))
    await store.delete_tenant(collection, TENANT)
    await store.delete_tenant(collection, TENANT)

    with pytest.raises(TenantMissingError):
        await place.write(some(1))
    assert await store.tenants(collection) == []
    await store.ensure_tenant(collection, TENANT)
    assert await store.count(collection, TENANT) == 0


async def test_what_is_missing_is_told(place: Place) -> None:
    store, query = place.store, by_vector(vector(1))
    with pytest.raises(TenantMissingError):
        await store.search("nobody", query)
    with pytest.raises(TenantMissingError):
        await store.count(place.collection, "nobody")
    with pytest.raises(TenantMissingError):
        await store.delete_by_source(place.collection, "nobody", new_id())
    with pytest.raises(TenantMissingError):
        await store.delete_by_ids(place.collection, "nobody", [new_id()])
    with pytest.raises(TenantMissingError):
        await store.scan(place.collection, "nobody", after=None, limit=1)
    with pytest.raises(CollectionMissingError):
        await store.insert("Nowhere", TENANT, some(1))
    with pytest.raises(CollectionMissingError):
        await store.count("Nowhere", TENANT)
    with pytest.raises(CollectionMissingError):
        await store.ensure_tenant("Nowhere", TENANT)
    with pytest.raises(CollectionMissingError):
        await store.ensure_alias("Nowhere")


async def test_a_dropped_collection_is_missing(place: Place) -> None:
    await place.store.drop_collection(place.collection)
    await place.store.drop_collection(place.collection)

    with pytest.raises(CollectionMissingError):
        await place.store.search(TENANT, by_vector(vector(1)))
    assert place.collection not in await place.store.collections()


@pytest.mark.parametrize(
    ("collection", "tenant"), [("lower", TENANT), ("A/b", TENANT), ("Good", "a b"), ("Good", "")]
)
async def test_names_are_checked(store: VectorStore, collection: str, tenant: str) -> None:
    with pytest.raises(VectorsRejectedError, match="not the name"):
        await store.ensure_tenant(collection, tenant)


async def test_readiness(store: VectorStore) -> None:
    assert (await store.readiness()).status is ReadinessStatus.UP


# Writing


async def test_a_batch_is_written_with_its_barrier(place: Place) -> None:
    objects = some(30)

    barrier = await place.write(objects)

    store, batch = place.store, objects[0].batch_id
    assert await store.count(place.collection, TENANT, batch_id=batch) == 30
    assert await store.existing(place.collection, TENANT, [barrier, new_id()]) == {barrier}
    assert await place.find(by_words("number", limit=100)) != []
    for one in objects:
        assert (await place.find(by_vector(one.vector, limit=1)))[0] == one.object_id


async def test_a_large_batch_is_sent_in_parts(place: Place) -> None:
    objects = some(1203)

    await place.write(objects)

    assert await place.store.count(place.collection, TENANT, batch_id=objects[0].batch_id) == 1203


async def test_nothing_is_written_for_an_empty_batch(place: Place) -> None:
    await place.write([])
    await place.store.insert(place.collection, TENANT, [])

    assert await place.store.count(place.collection, TENANT) == 0


async def test_a_batch_that_no_answer_could_verify_is_not_sent(place: Place) -> None:
    (one,) = some(1)

    with pytest.raises(InvalidBatchError, match="10000"):
        await place.write([replace(one, object_id=new_id()) for _ in range(10_000)])
    assert await place.store.count(place.collection, TENANT) == 0


async def test_what_is_missing_or_unexpected_is_not_verified(place: Place) -> None:
    objects = some(3)
    batch, never_sent = objects[0].batch_id, new_id()
    await place.store.insert(place.collection, TENANT, objects)
    wanted = [objects[0].object_id, objects[1].object_id, never_sent]

    with pytest.raises(BatchNotVerifiedError) as caught:
        await place.store.verify_batch(place.collection, TENANT, batch_id=batch, object_ids=wanted)

    assert caught.value.missing == {never_sent}
    assert caught.value.unexpected == {objects[2].object_id}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: replace(one, vector=np.zeros(DIMENSIONS, dtype=np.float32)),
        lambda one: replace(one, vector=np.full(DIMENSIONS, np.nan, dtype=np.float32)),
        lambda one: replace(one, vector=np.full(DIMENSIONS, np.inf, dtype=np.float32)),
        lambda one: replace(one, vector=np.ones(DIMENSIONS + 1, dtype=np.float32)),
        lambda one: replace(one, vector=np.ones(DIMENSIONS, dtype=np.float64)),
        lambda one: replace(one, text="lone \ud800 surrogate"),
        lambda one: replace(one, text="nul \x00 byte"),
        lambda one: replace(one, batch_id=new_id()),
    ],
)
async def test_a_bad_object_stops_the_batch_before_it_is_sent(
    place: Place, spoil: Callable[[VectorObject], VectorObject]
) -> None:
    objects = some(3)
    objects[1] = spoil(objects[1])

    with pytest.raises(InvalidBatchError):
        await place.write(objects)
    assert await place.store.count(place.collection, TENANT) == 0


async def test_equal_ids_stop_the_batch_before_it_is_sent(place: Place) -> None:
    objects = some(2)
    objects[1] = replace(objects[1], object_id=objects[0].object_id)

    with pytest.raises(InvalidBatchError, match="same id"):
        await place.write(objects)
    assert await place.store.count(place.collection, TENANT) == 0


async def test_the_first_object_of_a_tenant_cannot_set_the_dimensions(place: Place) -> None:
    short = replace(some(1)[0], vector=np.ones(3, dtype=np.float32))

    with pytest.raises(InvalidBatchError, match="float32"):
        await place.store.insert(place.collection, TENANT, [short])


# Search


async def test_vector_search_scores_by_cosine(place: Place) -> None:
    objects = some(20)
    await place.store.insert(place.collection, TENANT, objects)

    hits = await place.store.search(TENANT, by_vector(objects[4].vector, limit=20))

    expected = sorted((float(one.vector @ objects[4].vector) for one in objects), reverse=True)
    assert hits[0].object_id == objects[4].object_id
    assert hits[0].chunk_id == objects[4].chunk_id
    assert [hit.score for hit in hits[:10]] == pytest.approx(
        [max(0.0, cosine) for cosine in expected[:10]], abs=1e-4
    )


async def test_keyword_search_finds_words(place: Place) -> None:
    texts = ["The backup of the database", "Backup, backup!", "restore_the-thing now", "Nothing of that", ""]
    objects = some(5, texts=texts)
    await place.write(objects)
    ids = [one.object_id for one in objects]

    assert await place.find(by_words("backup")) == [ids[1], ids[0]]
    assert await place.find(by_words("DATABASE")) == [ids[0]]
    assert await place.find(by_words("restore thing")) == [ids[2]]
    assert await place.find(by_words("the of")) == []
    assert await place.find(by_words("unheard")) == []
    assert await place.find(by_words("  ")) == []
    (hit,) = await place.store.search(TENANT, by_words("database"))
    assert 0 < hit.score < 1


async def test_hybrid_search_fuses_both(place: Place) -> None:
    texts = ["alpha beta", "alpha", "gamma", "delta"]
    objects = some(4, texts=texts)
    await place.write(objects)
    words, meaning = objects[0], objects[2]

    def query(alpha: float) -> SearchQuery:
        return SearchQuery(mode=SearchMode.HYBRID, text="alpha beta", vector=meaning.vector, alpha=alpha)

    hits = await place.store.search(TENANT, query(0.35))
    assert hits[0].object_id == words.object_id
    assert hits[0].score > 0.64
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert (await place.find(query(0.9)))[0] == meaning.object_id
    assert (await place.find(query(1.0)))[0] == meaning.object_id
    assert await place.find(query(0.0)) == [words.object_id, objects[1].object_id]


async def test_limit_and_offset(place: Place) -> None:
    objects = some(9)
    await place.write(objects)
    query = by_vector(objects[0].vector)

    whole = await place.find(query)
    pages = [await place.find(replace(query, limit=4, offset=start)) for start in (0, 4, 8)]

    assert len(whole) == 10  # with the barrier
    assert [one for page in pages for one in page] == whole


async def test_filters_are_exact(place: Place) -> None:
    first, second = some(2, type_="web", language="en"), some(3, type_="upload", language="de")
    await place.write(first)
    await place.write(second)
    query = by_vector(vector(1))

    async def find(filters: Filters) -> set[UUID]:
        return set(await place.find(replace(query, limit=100, filters=filters)))

    ids_1, ids_2 = {one.object_id for one in first}, {one.object_id for one in second}
    source_1, source_2 = first[0].source_id, second[0].source_id
    assert await find(Filters(source_ids=[source_1])) == ids_1
    assert await find(Filters(source_ids=[source_1, source_2, new_id()])) == ids_1 | ids_2
    assert await find(Filters(source_ids=[new_id()])) == set()
    assert await find(Filters(source_ids=[])) == set()
    assert await find(Filters(document_ids={second[0].document_id})) == ids_2
    assert await find(Filters(types=["upload", "s3"])) == ids_2
    assert await find(Filters(types=["uploa"])) == set()
    assert await find(Filters(languages=["en"])) == ids_1
    assert await find(Filters(languages=["en"], types=["upload"])) == set()
    assert await find(Filters(types=["web", "upload"], exclude_source_ids=[source_1, new_id()])) == ids_2
    assert await find(Filters(source_ids=[source_1], exclude_source_ids=[source_1])) == set()


async def test_filters_hold_in_every_mode(place: Place) -> None:
    first, second = some(2), some(2)
    await place.write([*first, *(replace(one, batch_id=first[0].batch_id) for one in second)])

    for mode in SearchMode:
        query = SearchQuery(
            mode=mode,
            text="text number",
            vector=vector(1),
            limit=100,
            filters=Filters(source_ids=[first[0].source_id]),
        )
        assert set(await place.find(query)) == {one.object_id for one in first}


@pytest.mark.parametrize(
    "bad", [{"limit": 0}, {"limit": 10_001}, {"limit": 10_000, "offset": 1}, {"vector": None}]
)
async def test_impossible_queries_are_refused(place: Place, bad: dict[str, int]) -> None:
    with pytest.raises(VectorsRejectedError):
        await place.store.search(TENANT, replace(by_vector(vector(1)), **bad))  # type: ignore[arg-type]  # by table


# Delete


async def test_deleting_a_source_leaves_the_others(place: Place) -> None:
    gone, kept = some(40), some(5)
    await place.write(gone)
    await place.write(kept)
    store, collection = place.store, place.collection

    assert await store.delete_by_source(collection, TENANT, gone[0].source_id) == 40
    assert await store.delete_by_source(collection, TENANT, gone[0].source_id) == 0

    assert await store.count(collection, TENANT, source_id=gone[0].source_id) == 0
    assert await store.count(collection, TENANT, source_id=kept[0].source_id) == 5
    found = await place.find(replace(by_words("text number"), limit=100))
    assert set(found) == {one.object_id for one in kept}


async def test_deleting_by_id_is_idempotent(place: Place) -> None:
    objects = some(6)
    barrier = await place.write(objects)
    gone = [objects[0].object_id, objects[3].object_id, barrier]
    store, collection = place.store, place.collection

    assert await store.delete_by_ids(collection, TENANT, [*gone, new_id()]) == 3
    assert await store.delete_by_ids(collection, TENANT, gone) == 0
    assert await store.delete_by_ids(collection, TENANT, []) == 0

    ids = [one.object_id for one in objects]
    assert await store.existing(collection, TENANT, ids) == set(ids) - set(gone)


# Audit


async def test_a_scan_reads_everything_once_in_order_of_ids(place: Place) -> None:
    objects = some(25)
    random.Random(1).shuffle(objects)
    barrier = await place.write(objects)
    seen = []
    after = None

    while page := await place.store.scan(place.collection, TENANT, after=after, limit=7):
        assert len(page) <= 7
        seen.extend(page)
        after = page[-1].object_id

    assert [entry.object_id for entry in seen] == sorted([barrier, *(one.object_id for one in objects)])
    found = {entry.object_id: entry for entry in seen}
    for one in objects:
        entry = found[one.object_id]
        assert (entry.chunk_id, entry.source_id, entry.document_id, entry.batch_id, entry.type) == (
            one.chunk_id,
            one.source_id,
            one.document_id,
            one.batch_id,
            one.type,
        )


async def test_a_mark_is_kept_and_written_over(store: VectorStore) -> None:
    history = new_id()
    for turn in (1, 2**40, 3):
        await store.write_mark(Mark(history=history, turn=turn))
        assert await store.read_mark() == Mark(history=history, turn=turn)
    await store.drop_collection(MARKS)
    assert await store.read_mark() is None
    await store.write_mark(Mark(history=history, turn=4))
    assert await store.read_mark() == Mark(history=history, turn=4)


async def test_its_starts_are_the_same_as_long_as_it_runs(store: VectorStore) -> None:
    assert await store.starts()
    assert await store.starts() == await store.starts()


async def test_what_exists_and_what_a_vector_finds(place: Place) -> None:
    objects = some(1100)
    await place.write(objects)
    ids = [one.object_id for one in objects]

    assert await place.store.existing(place.collection, TENANT, [*ids, new_id()]) == set(ids)
    assert await place.store.vector_findable(place.collection, TENANT, [*ids, new_id()]) == set(ids)
    assert await place.store.vector_findable(place.collection, TENANT, []) == set()


async def test_a_closed_store_says_so(store: VectorStore) -> None:
    await store.close()
    await store.close()

    with pytest.raises(VectorsUnavailableError) as caught:
        await store.collections()
    assert caught.value.dependency == "weaviate"
    with pytest.raises(VectorsUnavailableError):
        await store.search(TENANT, by_vector(vector(1)))
    assert (await store.readiness()).status is ReadinessStatus.DOWN


def test_the_alias_is_the_documented_one() -> None:
    assert ALIAS == "Chunks"
