from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gateway.usecases.search import Question, Search, best
from shared.errors import DependencyUnavailableError
from shared.postgres.reads.records import EvidenceRow
from shared.postgres.reads.search import Scope
from shared.testing.embedding import FakeEmbedder
from shared.vectors.errors import TenantMissingError, VectorsUnavailableError
from shared.vectors.port import Hit, SearchMode, SearchQuery
from unit.gateway.rows import CALLER, MOMENT, an_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

QUESTION = Question(text="install", limit=3, mode=SearchMode.HYBRID, alpha=0.35)


def evidence(number: int, chunk: int | None = None) -> EvidenceRow:
    return EvidenceRow(
        object_id=an_id(number),
        chunk_id=an_id(1000 + (number if chunk is None else chunk)),
        text=f"text {number}",
        heading_path=[],
        title="",
        url=None,
        language=None,
        source_id=an_id(2),
        document_id=an_id(3),
        version_id=an_id(4),
        ordinal=number,
    )


class FakeVectors:
    """So many hits, best first; or an error."""

    def __init__(self, hits: int, error: Exception | None = None) -> None:
        self.hits = [Hit(an_id(number), an_id(1000 + number), 1 - number / 1000) for number in range(hits)]
        self.error = error
        self.queries: list[SearchQuery] = []
        self.hang_after: int | None = None

    async def search(
        self, tenant: str, query: SearchQuery, *, deadline_seconds: float | None = None
    ) -> list[Hit]:
        assert (tenant, deadline_seconds is not None) == ("default", True)
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        if self.hang_after is not None and len(self.queries) > self.hang_after:
            await asyncio.Event().wait()
        return self.hits[: query.limit]


class FakeReader:
    """Shows the objects whose numbers are given."""

    def __init__(self, visible: set[int], scope: Scope | None = None, *, content: bool = True) -> None:
        self.shown = {an_id(number): evidence(number) for number in visible}
        self.given = scope or Scope(moment=MOMENT, source_ids=None, deleting=[])
        self.content = content
        self.asked: list[tuple[int, datetime]] = []

    async def scope(self, tenant_id: UUID, group_ids: Sequence[UUID] | None) -> Scope:
        return (
            self.given if group_ids is None else replace(self.given, source_ids=self.given.source_ids or [])
        )

    async def has_content(self, tenant_id: UUID) -> bool:
        return self.content

    async def visible(
        self,
        tenant_id: UUID,
        object_ids: Sequence[UUID],
        moment: datetime,
        *,
        source_ids: Sequence[UUID] | None = None,
        document_ids: Sequence[UUID] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[EvidenceRow]:
        self.asked.append((len(object_ids), moment))
        return [self.shown[key] for key in reversed(object_ids) if key in self.shown]


def searching(vectors: FakeVectors, reader: FakeReader, deadline_seconds: float = 5.0) -> Search:
    return Search(embedder=FakeEmbedder(), vectors=vectors, reader=reader, deadline_seconds=deadline_seconds)


async def numbers(search: Search, question: Question = QUESTION) -> list[int]:
    return [found.evidence.ordinal for found in await search.find(CALLER, question)]


async def test_hits_come_in_the_order_of_their_scores() -> None:
    assert await numbers(searching(FakeVectors(10), FakeReader({5, 1, 3, 7}))) == [1, 3, 5]


async def test_more_is_asked_for_while_too_little_may_be_shown_and_all_is_looked_at_again() -> None:
    vectors, reader = FakeVectors(100), FakeReader({0, 40, 41})
    assert await numbers(searching(vectors, reader)) == [0, 40, 41]
    asked = [query.limit for query in vectors.queries]
    assert asked == [16, 32, 64]
    assert reader.asked == [(limit, MOMENT) for limit in asked]


async def test_asking_ends_when_there_is_no_more() -> None:
    vectors = FakeVectors(20)
    assert await numbers(searching(vectors, FakeReader({19}))) == [19]
    assert [query.limit for query in vectors.queries] == [16, 32]


async def test_asking_ends_at_a_bound() -> None:
    vectors = FakeVectors(5_000)
    assert await numbers(searching(vectors, FakeReader(set()))) == []
    assert vectors.queries[-1].limit == 2_000


async def test_without_a_hit_postgres_is_not_asked() -> None:
    reader = FakeReader({1})
    assert await numbers(searching(FakeVectors(0), reader)) == []
    assert reader.asked == []


def test_of_two_objects_of_one_chunk_the_better_stands_for_it() -> None:
    hits = [Hit(an_id(1), an_id(9), 0.4), Hit(an_id(2), an_id(9), 0.8)]
    found = best(hits, [evidence(1, chunk=5), evidence(2, chunk=5)])
    assert [(item.evidence.object_id, item.score) for item in found] == [(an_id(2), 0.8)]


async def test_groups_narrow_the_sources_that_are_asked_for() -> None:
    scope = Scope(moment=MOMENT, source_ids=[an_id(2), an_id(3)], deleting=[an_id(8)])
    vectors = FakeVectors(1)
    question = replace(QUESTION, group_ids=[an_id(50)], source_ids=[an_id(3), an_id(4)])
    await numbers(searching(vectors, FakeReader({0}, scope)), question)
    [query] = vectors.queries
    assert query.filters.source_ids == [an_id(3)]
    assert query.filters.exclude_source_ids == [an_id(8)]


async def test_a_group_without_sources_asks_nobody() -> None:
    vectors = FakeVectors(1)
    assert await numbers(searching(vectors, FakeReader({0})), replace(QUESTION, group_ids=[an_id(50)])) == []
    assert vectors.queries == []


@pytest.mark.parametrize(("mode", "has_vector"), [("hybrid", True), ("vector", True), ("keyword", False)])
async def test_a_question_is_embedded_only_where_its_vector_counts(mode: str, *, has_vector: bool) -> None:
    vectors = FakeVectors(1)
    await numbers(searching(vectors, FakeReader({0})), replace(QUESTION, mode=SearchMode(mode)))
    assert (vectors.queries[0].vector is not None) == has_vector


async def test_a_weaviate_that_is_down_is_said_to_be_down() -> None:
    with pytest.raises(VectorsUnavailableError):
        await numbers(searching(FakeVectors(1, VectorsUnavailableError("down")), FakeReader({0})))


async def test_a_tenant_without_anything_finds_nothing() -> None:
    search = searching(FakeVectors(1, TenantMissingError("no tenant")), FakeReader({0}, content=False))
    assert await numbers(search) == []


async def test_a_weaviate_that_lost_everything_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(TenantMissingError):
        await numbers(searching(FakeVectors(1, TenantMissingError("no tenant")), FakeReader({0})))


async def test_a_search_ends_in_time_with_what_is_true_until_then() -> None:
    vectors = FakeVectors(100)
    vectors.hang_after = 1
    assert await numbers(searching(vectors, FakeReader({0, 90}), deadline_seconds=0.05)) == [0]


async def test_a_search_that_found_nothing_in_time_says_so() -> None:
    vectors = FakeVectors(100)
    vectors.hang_after = 0
    with pytest.raises(DependencyUnavailableError, match=r"0\.05"):
        await numbers(searching(vectors, FakeReader({0}), deadline_seconds=0.05))
