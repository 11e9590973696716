"""A small handbook, asked in people's words through the real Weaviate: every mode has to find and to rank.

How the modes compare is measured on manuals (``make search-quality``): sixteen pages are too few for that, by vector alone
they are ranked a little better. Here nothing varies: the embedder's vectors and Weaviate's scores are the same each time,
and a tenant of this size is searched in full. The floors are some questions below what was measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import search_quality
from search_quality.corpora import corpus
from search_quality.indexing import COLLECTION
from search_quality.measuring import measure
from search_quality.report import Asked, Way, page
from shared.embedding import BundledEmbedder
from shared.vectors.port import DEFAULT_ALPHA, SearchMode
from shared.vectors.store import WeaviateStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.servers import WeaviateServer

HANDBOOK = Path(str(search_quality.__file__)).with_name("handbook")


HYBRID = Way(SearchMode.HYBRID, DEFAULT_ALPHA)
KEYWORD, VECTOR = Way(SearchMode.KEYWORD), Way(SearchMode.VECTOR)


@pytest.fixture(scope="module")
async def asked(weaviate: WeaviateServer) -> AsyncIterator[Asked]:
    vectors = await WeaviateStore.open(url=weaviate.url, grpc_address=weaviate.grpc, api_key=weaviate.api_key)
    embedder = await BundledEmbedder.load(resident=False, cache_bytes=0)
    handbook = corpus("handbook", "written for this test", HANDBOOK)
    yield await measure([handbook], vectors=vectors, embedder=embedder, alphas=[DEFAULT_ALPHA])
    await vectors.drop_collection(COLLECTION)
    await vectors.close()
    await embedder.close()


@pytest.mark.parametrize(
    ("way", "recall", "mrr"), [(HYBRID, 0.95, 0.83), (VECTOR, 0.9, 0.85), (KEYWORD, 0.8, 0.75)], ids=str
)
def test_each_mode_finds_what_people_ask_for(asked: Asked, way: Way, recall: float, mrr: float) -> None:
    found = asked.of(way)
    assert found.recall >= recall, page(asked)
    assert found.mrr >= mrr, page(asked)


def test_hybrid_search_misses_nothing_that_one_of_the_others_finds(asked: Asked) -> None:
    assert asked.of(HYBRID).recall >= max(asked.of(KEYWORD).recall, asked.of(VECTOR).recall), page(asked)
    assert asked.of(HYBRID).mrr > asked.of(KEYWORD).mrr, page(asked)


@pytest.mark.parametrize("question", ["E204", "TERN_S3_ENDPOINT"])
def test_exact_words_come_first(asked: Asked, question: str) -> None:
    at = asked.questions["handbook"].index(question)
    assert [asked.places[way]["handbook"][at] for way in (HYBRID, KEYWORD)] == [1, 1]
