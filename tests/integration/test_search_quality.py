"""A small handbook, asked in people's words through the real Weaviate: hybrid search has to be worth its name.

The large measurement is ``make search-quality``. Here nothing varies: the embedder's vectors and Weaviate's scores are the
same each time, and a tenant of this size is searched in full.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import search_quality
from search_quality.corpora import corpus
from search_quality.indexing import COLLECTION
from search_quality.measuring import measure
from search_quality.report import Way, holds, page
from shared.embedding import BundledEmbedder
from shared.vectors.port import DEFAULT_ALPHA, SearchMode
from shared.vectors.store import WeaviateStore

if TYPE_CHECKING:
    from support.servers import WeaviateServer

HANDBOOK = Path(str(search_quality.__file__)).with_name("handbook")


async def test_hybrid_search_finds_what_people_ask_for_and_ranks_it_best(weaviate: WeaviateServer) -> None:
    vectors = await WeaviateStore.open(url=weaviate.url, grpc_address=weaviate.grpc, api_key=weaviate.api_key)
    embedder = await BundledEmbedder.load(resident=False, cache_bytes=0)
    handbook = corpus("handbook", "written for this test", HANDBOOK)
    try:
        asked = await measure([handbook], vectors=vectors, embedder=embedder, alphas=[DEFAULT_ALPHA])
    finally:
        await vectors.drop_collection(COLLECTION)
        await vectors.close()
        await embedder.close()
    assert holds(asked) == [], page(asked)
    assert asked.of(Way(SearchMode.HYBRID, DEFAULT_ALPHA)).recall >= 0.9, page(asked)
