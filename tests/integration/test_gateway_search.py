"""Search through the real gateway, Weaviate and Postgres: only what is served now, each document whole."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from result_consumer.usecases.batch_writer import BatchWriter
from shared.embedding import BundledEmbedder
from shared.vectors.store import WeaviateStore
from support.gateways import Gateway, environment
from support.pipeline import CALLER, COLLECTION, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from shared.postgres.acceptance import AcceptedUpload
    from support.client import Client
    from support.databases import Database
    from support.servers import WeaviateServer

PENGUINS = "Penguins swim in the cold southern ocean."
VOLCANO = "A volcano erupts when magma rises."
TEAPOT = "The teapot stands in the kitchen."


class World(Pipeline):
    """The data path with real vectors."""

    embedder: BundledEmbedder
    vectors: WeaviateStore

    @property
    def writer(self) -> BatchWriter:
        return BatchWriter(
            batches=self.indexing, vectors=self.vectors, embedder=self.embedder, clock=monotonic
        )

    async def index_for_real(self, job_ids: Sequence[UUID]) -> None:
        while chunks := await self.indexing.to_index(job_ids, at_most=500):
            await self.writer.write(chunks)
        activated = await self.indexing.activate(job_ids)
        assert len(activated.endings) == len(job_ids)

    async def stage(self, name: str, *paragraphs: str, **facts: Any) -> tuple[AcceptedUpload, list[UUID]]:
        """Everything but the activation."""
        accepted = await self.upload(name, "\n\n".join(paragraphs).encode(), **facts)
        claims = await self.work()
        stored = await self.store(*(self.file(claim, "\n\n".join(paragraphs)) for claim in claims))
        return accepted, list(stored.indexing)

    async def publish(self, name: str, *paragraphs: str, **facts: Any) -> AcceptedUpload:
        accepted, jobs = await self.stage(name, *paragraphs, **facts)
        await self.index_for_real(jobs)
        return accepted


@pytest.fixture(scope="module")
async def vectors(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    store = await WeaviateStore.open(url=weaviate.url, grpc_address=weaviate.grpc, api_key=weaviate.api_key)
    yield store
    await store.close()


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[BundledEmbedder]:
    embedder = await BundledEmbedder.load(resident=False, cache_bytes=0)
    yield embedder
    await embedder.close()


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, weaviate: WeaviateServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory, weaviate=weaviate)
    running = await Gateway.start(directory / "log", {**settings, "QUERN_SEARCH_DEADLINE_SECONDS": "2"})
    yield running
    assert await running.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client


@pytest.fixture
async def world(
    module_database: Database, vectors: WeaviateStore, embedder: BundledEmbedder
) -> AsyncIterator[World]:
    world = await World.open(module_database.service_url)
    assert isinstance(world, World)
    world.embedder, world.vectors = embedder, vectors
    await vectors.drop_collection(COLLECTION)
    await vectors.ensure_collection(COLLECTION, dimensions=embedder.dimensions)
    await vectors.ensure_alias(COLLECTION)
    await vectors.ensure_tenant(COLLECTION, CALLER.tenant_slug)
    yield world
    for table in ("objects", "version_chunks", "chunks", "document_versions", "documents", "jobs", "ledger"):
        await world.rows(f"DELETE FROM {table}")
    await world.rows("UPDATE sources SET status = 'deleted'")
    await world.close()
    await vectors.drop_collection(COLLECTION)


async def search(client: Client, query: str, **more: Any) -> list[dict[str, Any]]:
    answer = await client.post("/v1/search", {"query": query} | more, status=200)
    assert answer["took_ms"] >= 0
    items: list[dict[str, Any]] = answer["items"]
    return items


async def texts(client: Client, query: str, **more: Any) -> list[str]:
    return [item["text"] for item in await search(client, query, **more)]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_the_best_chunk_is_found_with_where_it_is_from(client: Client, world: World, mode: str) -> None:
    accepted = await world.publish("animals.md", TEAPOT, PENGUINS, VOLCANO)
    [best, *_] = await search(client, "penguins in the ocean", mode=mode)
    document = await client.get(f"/v1/documents/{accepted.document_id}")
    assert best["text"] == PENGUINS
    assert 0 < best["score"] <= 1
    assert {key: best[key] for key in ("source_id", "document_id", "version_id", "ordinal", "title")} == {
        "source_id": str(accepted.source_id),
        "document_id": str(accepted.document_id),
        "version_id": document["active_version_id"],
        "ordinal": 1,
        "title": "animals.md",
    }
    assert best["heading_path"] == ["animals.md"]


async def test_where_there_is_no_evidence_there_are_no_items(client: Client, world: World) -> None:
    await world.publish("animals.md", PENGUINS)
    assert await search(client, "xylophone", mode="keyword") == []


async def test_without_any_content_nothing_is_found_and_nothing_fails(client: Client, world: World) -> None:
    assert await search(client, "anything") == []
    await world.vectors.delete_tenant(COLLECTION, CALLER.tenant_slug)
    assert await search(client, "anything") == []


async def test_a_weaviate_that_lost_everything_is_not_taken_for_an_empty_one(
    client: Client, world: World
) -> None:
    await world.publish("animals.md", PENGUINS)
    await world.vectors.delete_tenant(COLLECTION, CALLER.tenant_slug)
    await client.refused(
        "POST", "/v1/search", json={"query": "penguins"}, status=503, code="dependency_unavailable"
    )


async def test_staged_content_is_found_by_nobody_until_it_is_served(client: Client, world: World) -> None:
    _, jobs = await world.stage("animals.md", PENGUINS)
    await world.writer.write(await world.indexing.to_index(jobs, at_most=10))
    assert await texts(client, "penguins") == []
    await world.indexing.activate(jobs)
    assert await texts(client, "penguins") == [PENGUINS]


async def test_a_new_version_replaces_the_old_one_as_a_whole(client: Client, world: World) -> None:
    first = await world.publish("animals.md", PENGUINS, TEAPOT)
    await world.publish("animals.md", VOLCANO, PENGUINS)
    found = await search(client, "penguins teapot volcano", limit=50)
    assert {item["text"] for item in found} == {VOLCANO, PENGUINS}
    document = await client.get(f"/v1/documents/{first.document_id}")
    assert {item["version_id"] for item in found} == {document["active_version_id"]}
    assert {item["text"]: item["ordinal"] for item in found} == {VOLCANO: 0, PENGUINS: 1}


async def test_old_objects_that_crowd_the_best_places_are_passed_over(client: Client, world: World) -> None:
    await world.publish("crowd.md", *(f"{PENGUINS} Number {number}." for number in range(60)))
    await world.publish("crowd.md", "Birds of the south.")
    await world.publish("other.md", TEAPOT)
    assert (await texts(client, PENGUINS, limit=2, mode="vector"))[0] == "Birds of the south."


async def test_during_a_swap_every_search_sees_one_version_whole(client: Client, world: World) -> None:
    versions = [{f"{PENGUINS} Part {part}, edition {edition}." for part in range(5)} for edition in range(6)]
    await world.publish("swap.md", *sorted(versions[0]))
    done = asyncio.Event()
    seen: list[frozenset[str]] = []

    async def watch() -> None:
        while not done.is_set():
            seen.append(frozenset(await texts(client, PENGUINS, limit=50)))

    watchers = [asyncio.create_task(watch()) for _ in range(2)]
    for edition in versions[1:]:
        await world.publish("swap.md", *sorted(edition))
    done.set()
    await asyncio.gather(*watchers)
    assert set(seen) <= {frozenset(edition) for edition in versions}
    assert len(seen) > len(versions)


async def test_a_deleted_source_is_gone_at_once(client: Client, world: World) -> None:
    accepted = await world.publish("animals.md", PENGUINS)
    await world.publish("kitchen.md", TEAPOT)
    assert PENGUINS in await texts(client, "penguins")
    assert (await client.call("DELETE", f"/v1/sources/{accepted.source_id}")).status == 202
    assert PENGUINS not in await texts(client, "penguins")
    assert (await client.get("/v1/documents", source_id=str(accepted.source_id)))["total"] == 0
    await client.refused("GET", f"/v1/documents/{accepted.document_id}", status=404, code="not_found")


async def test_filters_narrow_what_is_found(client: Client, world: World) -> None:
    animals = await world.publish("animals.md", PENGUINS)
    kitchen = await world.publish("kitchen.md", TEAPOT)

    async def found(**filters: Any) -> set[str]:
        return set(await texts(client, "penguins teapot", filters=filters))

    assert await found(source_ids=[str(animals.source_id)]) == {PENGUINS}
    assert await found(document_ids=[str(kitchen.document_id)]) == {TEAPOT}
    assert await found(types=["upload"]) == {PENGUINS, TEAPOT}
    assert await found(types=["web"]) == set()
    assert await found(languages=["de"]) == set()
    assert await found(source_ids=[str(animals.source_id)], document_ids=[str(kitchen.document_id)]) == set()


async def test_a_source_that_moved_is_found_in_its_new_group_alone(client: Client, world: World) -> None:
    accepted = await world.publish("animals.md", PENGUINS)
    source = await client.get(f"/v1/sources/{accepted.source_id}")
    group = await client.post("/v1/groups", {"name": "zoo"}, status=201)

    async def found(group_id: str) -> list[str]:
        return await texts(client, "penguins", filters={"group_ids": [group_id]})

    assert (await found(source["group_id"]), await found(group["id"])) == ([PENGUINS], [])
    await client.call("PATCH", f"/v1/sources/{accepted.source_id}", json={"group_id": group["id"]})
    assert (await found(source["group_id"]), await found(group["id"])) == ([], [PENGUINS])


@asynccontextmanager
async def frozen(server: WeaviateServer) -> AsyncIterator[None]:
    await asyncio.to_thread(server.pause)
    try:
        yield
    finally:
        await asyncio.to_thread(server.resume)


async def test_a_weaviate_that_does_not_answer_costs_a_bounded_time(
    client: Client, world: World, weaviate: WeaviateServer
) -> None:
    await world.publish("animals.md", PENGUINS)
    async with frozen(weaviate):
        started = monotonic()
        answer = await client.call("POST", "/v1/search", json={"query": "penguins"})
        took = monotonic() - started
    assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert took < 10
    assert await texts(client, "penguins") == [PENGUINS]
