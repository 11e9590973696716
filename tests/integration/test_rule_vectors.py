"""What counts as written to Weaviate, and what counts as deleted: whatever its indexes say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shared.clock import new_id
from shared.vectors import BatchNotVerifiedError, VectorObject, WeaviateStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.servers import WeaviateServer

DIMENSIONS = 4
COLLECTION = "Rule_vectors"
TENANT = "default"


@pytest.fixture
async def store(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    store = await WeaviateStore.open(
        url=weaviate.url, grpc_address=weaviate.grpc, api_key=weaviate.api_key, deadlines=None
    )
    await store.ensure_collection(COLLECTION, dimensions=DIMENSIONS)
    await store.ensure_tenant(COLLECTION, TENANT)
    yield store
    await store.drop_collection(COLLECTION)
    await store.close()


def one() -> VectorObject:
    return VectorObject(
        object_id=new_id(),
        chunk_id=new_id(),
        source_id=new_id(),
        document_id=new_id(),
        batch_id=new_id(),
        type="web",
        language="en",
        text="words",
        vector=np.ones(DIMENSIONS, dtype=np.float32),
    )


async def test_a_batch_counts_as_written_only_when_its_own_search_finds_exactly_its_objects(
    store: WeaviateStore,
) -> None:
    first = one()
    await store.write_batch(COLLECTION, TENANT, [first], barrier_id=new_id())
    # Sent without an error, but the search by its batch finds another object as well.
    second = replace(one(), batch_id=first.batch_id)
    with pytest.raises(BatchNotVerifiedError) as refused:
        await store.write_batch(COLLECTION, TENANT, [second], barrier_id=new_id())
    assert refused.value.unexpected == {first.object_id}


async def test_what_no_filter_finds_is_deleted_by_its_key(
    store: WeaviateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = one()
    await store.write_batch(COLLECTION, TENANT, [hidden], barrier_id=new_id())

    async def finds_nothing(*args: object) -> set[object]:
        return set()

    with monkeypatch.context() as patched:
        patched.setattr(store, "_listed", finds_nothing)
        await store.delete_by_ids(COLLECTION, TENANT, [hidden.object_id])
    assert await store.existing(COLLECTION, TENANT, [hidden.object_id]) == set()
