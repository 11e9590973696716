"""What every embedder does: the bundled one and the fake."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shared.embedding import BundledEmbedder, Embedder
from shared.embedding.files import ModelFiles
from shared.errors import DependencyUnavailableError
from shared.testing.embedding import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["bundled", "fake"])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    made: Embedder
    if request.param == "bundled":
        made = await BundledEmbedder.load(resident=False, cache_bytes=100_000)
    else:
        made = FakeEmbedder()
    yield made
    await made.close()


async def test_one_unit_vector_for_each_text_in_order(embedder: Embedder) -> None:
    texts = [f"text number {number}" for number in range(40)]

    vectors = await embedder.embed(texts)

    assert vectors.shape == (40, embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal((await embedder.embed(texts[7:8]))[0], vectors[7])


async def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    vectors = await embedder.embed([])

    assert vectors.shape == (0, embedder.dimensions)


async def test_text_without_words_still_has_a_direction(embedder: Embedder) -> None:
    vectors = await embedder.embed(["", " ", "\ud800", "\x00", "👩‍👧"])

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


async def test_nearer_in_words_is_nearer_in_cosine(embedder: Embedder) -> None:
    query, near, far = await embedder.embed(
        ["backup of the database", "how to make a backup of the database", "colours of autumn leaves"]
    )

    assert query @ near > query @ far


async def test_concurrent_calls_do_not_mix(embedder: Embedder) -> None:
    batches = [[f"batch {batch} text {number}" for number in range(30)] for batch in range(8)]

    together = await asyncio.gather(*map(embedder.embed, batches))

    for batch, vectors in zip(batches, together, strict=True):
        np.testing.assert_array_equal(vectors, await embedder.embed(batch))


async def test_the_model_is_named_the_same_each_time(embedder: Embedder) -> None:
    other: Embedder = (
        FakeEmbedder()
        if isinstance(embedder, FakeEmbedder)
        else await BundledEmbedder.load(resident=True, cache_bytes=0)
    )

    assert embedder.model == other.model
    assert "@" in embedder.model
    await other.close()


async def test_an_embedder_that_is_down_says_so() -> None:
    embedder = FakeEmbedder()
    embedder.down = True

    with pytest.raises(DependencyUnavailableError) as caught:
        await embedder.embed(["text"])
    assert caught.value.dependency == "embedder"


async def test_a_closed_embedder_says_so() -> None:
    embedder = await BundledEmbedder.load(resident=False, cache_bytes=0)
    await embedder.close()
    await embedder.close()

    with pytest.raises(DependencyUnavailableError) as caught:
        await embedder.embed(["text"])
    assert caught.value.dependency == "embedder"


async def test_a_slow_embedder_ends_with_its_deadline() -> None:
    embedder = await BundledEmbedder.load(resident=False, cache_bytes=0, deadline_seconds=0.001)

    with pytest.raises(DependencyUnavailableError, match="longer than"):
        await embedder.embed(["word " * 1000] * 500)
    await embedder.close()


async def test_missing_files_are_an_embedder_that_is_not_available(tmp_path: Path) -> None:
    files = ModelFiles(name="none", weights=tmp_path / "weights", tokenizer=tmp_path / "tokenizer")

    with pytest.raises(DependencyUnavailableError) as caught:
        await BundledEmbedder.load(resident=False, cache_bytes=0, files=files)
    assert caught.value.dependency == "embedder"
