"""What one tenant finds is the same whatever another tenant has."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

import pytest

from gateway.usecases.search import Question, Search
from shared.postgres.reads.search import SearchReads
from shared.testing.embedding import FakeEmbedder
from shared.vectors.port import SearchMode, SearchQuery
from support.pipeline import CALLER, COLLECTION, Pipeline
from support.rows import BATCH, DIMENSIONS, Content, add_content, vector_object
from support.tenants import add_tenant

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.vectors import WeaviateStore

WORDS: Final = [
    "penguin",
    "volcano",
    "teapot",
    "harbour",
    "glacier",
    "lantern",
    "orchard",
    "compass",
    "violin",
    "meadow",
]
QUESTION: Final = "penguin harbour lantern"


def text_of(number: int) -> str:
    """No two are equal; some have all words of the question, some none, as often as chance would have it."""
    chosen = [word for place, word in enumerate(WORDS) if (number * 7 + place * 3) % 10 < 4]
    return f"{' '.join(chosen * (number % 3 + 1))} number {number}"


async def fill(
    pipeline: Pipeline, vectors: WeaviateStore, embedder: FakeEmbedder, caller: Caller, documents: int
) -> Content:
    """A tenant with so many documents of one chunk each, served and indexed."""
    made = await add_content(
        pipeline.database, documents=documents, tenant_id=caller.tenant_id, tenant=caller.tenant_slug
    )
    texts = [text_of(number) for number in range(documents)]
    await pipeline.rows(
        "UPDATE chunks c SET text = k.text FROM unnest($1::uuid[], $2::text[]) AS k (id, text)"
        " WHERE c.id = k.id RETURNING c.id",
        made.chunk_ids,
        texts,
    )
    embedded = await embedder.embed(texts)
    await vectors.ensure_collection(COLLECTION, dimensions=DIMENSIONS)
    await vectors.ensure_alias(COLLECTION)
    await vectors.ensure_tenant(COLLECTION, caller.tenant_slug)
    for start in range(0, documents, BATCH):
        objects = [
            vector_object(made, place, text=texts[place], vector=embedded[place])
            for place in range(start, min(start + BATCH, documents))
        ]
        await vectors.insert(COLLECTION, caller.tenant_slug, objects)
    return made


async def candidates(vectors: WeaviateStore, caller: Caller, mode: SearchMode) -> list[tuple[UUID, float]]:
    """All that Weaviate proposes, with its scores."""
    vector = (await FakeEmbedder(dimensions=DIMENSIONS).embed([QUESTION]))[0]
    query = SearchQuery(mode=mode, text=QUESTION, vector=vector, limit=500)
    hits = await vectors.search(caller.tenant_slug, query)
    return [(hit.object_id, round(hit.score, 5)) for hit in hits]


async def found(
    pipeline: Pipeline, vectors: WeaviateStore, caller: Caller, mode: SearchMode, *, limit: int
) -> tuple[list[tuple[UUID, float, int]], bool]:
    """What people get: chunks, scores, how many were folded into each; and whether there is more."""
    search = Search(
        embedder=FakeEmbedder(dimensions=DIMENSIONS),
        vectors=vectors,
        reader=SearchReads(database=pipeline.gateway),
        deadline_seconds=30.0,
        observe=lambda *_: None,
        clock=monotonic,
    )
    page = await search.find(caller, Question(text=QUESTION, limit=limit, mode=mode, alpha=0.5))
    return [
        (item.evidence.chunk_id, round(item.score, 5), len(item.duplicates)) for item in page.items
    ], page.more


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_scores_limits_and_totals_do_not_depend_on_another_tenants_documents(
    pipeline: Pipeline, vectors: WeaviateStore, mode: SearchMode
) -> None:
    embedder = FakeEmbedder(dimensions=DIMENSIONS)
    made = await fill(pipeline, vectors, embedder, CALLER, 40)
    other = await add_tenant(pipeline, "other")
    alone = await candidates(vectors, CALLER, mode)
    pages = [await found(pipeline, vectors, CALLER, mode, limit=limit) for limit in (5, 50)]
    assert len(pages[0][0]) == 5
    assert len(alone) >= 10
    # A thousand documents with the same words, of which the first forty are the very same.
    theirs = await fill(pipeline, vectors, embedder, other, 1000)
    assert await candidates(vectors, CALLER, mode) == alone
    assert [await found(pipeline, vectors, CALLER, mode, limit=limit) for limit in (5, 50)] == pages
    assert {key for key, _ in alone} <= set(made.object_ids)
    # The other tenant finds its own, and so many that it would have crowded out everything.
    crowd = await candidates(vectors, other, mode)
    assert {key for key, _ in crowd} <= set(theirs.object_ids)
    assert len(crowd) > 200


async def test_another_tenants_objects_are_shown_to_nobody_even_if_they_are_proposed(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    other = await add_tenant(pipeline, "other")
    theirs = await fill(pipeline, vectors, FakeEmbedder(dimensions=DIMENSIONS), other, 5)
    reader = SearchReads(database=pipeline.gateway)
    moment = (await reader.scope(CALLER.tenant_id, None)).moment
    assert await reader.visible(CALLER.tenant_id, theirs.object_ids, moment) == []
    assert len(await reader.visible(other.tenant_id, theirs.object_ids, moment)) == 5
