from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.usecases.search import Findings, Question, Search, best
from shared.errors import DependencyUnavailableError
from shared.postgres.reads.records import ChunkRow, EvidenceRow
from shared.postgres.reads.search import Scope
from shared.testing.embedding import FakeEmbedder
from shared.vectors.errors import TenantMissingError, VectorsUnavailableError
from shared.vectors.port import Hit, SearchMode, SearchQuery
from unit.gateway.rows import CALLER, MOMENT, an_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

QUESTION = Question(text="install", limit=3, mode=SearchMode.HYBRID, alpha=0.35)


def evidence(number: int, chunk: int | None = None, **changes: Any) -> EvidenceRow:
    known = _evidence(number, chunk)
    return replace(known, **changes)


def _evidence(number: int, chunk: int | None) -> EvidenceRow:
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


def chunk_row(number: int) -> ChunkRow:
    return ChunkRow(
        chunk_id=an_id(1000 + number), ordinal=number, text="", heading_path=[], page=None, row=None
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
        self.around_places: list[tuple[tuple[UUID, int], ...]] = []
        self.around_hangs = False

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

    async def around(
        self, tenant_id: UUID, places: Sequence[tuple[UUID, int]], reach: int
    ) -> dict[tuple[UUID, int], list[ChunkRow]]:
        self.around_places.append(tuple(places))
        if self.around_hangs:
            await asyncio.Event().wait()
        return {
            (version, at): [chunk_row(n) for n in range(max(0, at - reach), at + reach + 1) if n != at]
            for version, at in places
        }


class Ticks:
    """A clock that goes one second further each time somebody looks, and what was told about searches."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.told: list[tuple[SearchMode, Mapping[str, float]]] = []

    def look(self) -> float:
        self.seconds += 1
        return self.seconds

    def observe(self, mode: SearchMode, seconds: Mapping[str, float]) -> None:
        self.told.append((mode, dict(seconds)))


def searching(
    vectors: FakeVectors, reader: FakeReader, deadline_seconds: float = 5.0, ticks: Ticks | None = None
) -> Search:
    clock = ticks or Ticks()
    return Search(
        embedder=FakeEmbedder(),
        vectors=vectors,
        reader=reader,
        deadline_seconds=deadline_seconds,
        observe=clock.observe,
        clock=clock.look,
    )


async def find(search: Search, question: Question = QUESTION) -> Findings:
    return await search.find(CALLER, question)


async def numbers(search: Search, question: Question = QUESTION) -> list[int]:
    return [found.evidence.ordinal for found in (await find(search, question)).items]


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


def twins(*pairs: tuple[int, str]) -> FakeReader:
    """A reader whose objects are each of a document of its own, with these texts."""
    reader = FakeReader(set())
    for number, text in pairs:
        reader.shown[an_id(number)] = evidence(number, text=text, document_id=an_id(5000 + number))
    return reader


async def test_pages_cut_one_ranking_and_say_whether_more_may_follow() -> None:
    search = searching(FakeVectors(8), FakeReader(set(range(8))))
    pages = [await find(search, replace(QUESTION, offset=offset)) for offset in (0, 3, 6, 9)]
    assert [[item.evidence.ordinal for item in page.items] for page in pages] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7],
        [],
    ]
    assert [page.more for page in pages] == [True, True, False, False]


async def test_a_full_page_of_a_ranking_that_goes_on_says_that_more_may_follow() -> None:
    assert (await find(searching(FakeVectors(100), FakeReader(set(range(100)))))).more


async def test_a_deep_page_asks_for_as_many_as_it_needs() -> None:
    vectors = FakeVectors(2_000)
    question = replace(QUESTION, limit=50, offset=450)
    assert await numbers(searching(vectors, FakeReader(set(range(2_000)))), question) == [*range(450, 500)]
    assert [query.limit for query in vectors.queries] == [1_010]


async def test_what_another_document_says_too_is_told_with_the_best_one() -> None:
    [first, second] = (
        await find(searching(FakeVectors(3), twins((0, "Run it."), (1, "run  it"), (2, "Stop it."))))
    ).items
    assert (first.evidence.ordinal, [other.ordinal for other in first.duplicates]) == (0, [1])
    assert (second.evidence.ordinal, list(second.duplicates)) == (2, [])


async def test_folding_never_leaves_a_page_unfilled_while_there_is_more() -> None:
    vectors = FakeVectors(200)
    crowd = [(number, "The same words everywhere.") for number in range(100)]
    others = [(number, f"Other words {number}.") for number in range(100, 200)]
    reader = twins(*crowd, *others)
    question = replace(QUESTION, limit=10)
    found = (await find(searching(vectors, reader), question)).items
    assert [item.evidence.ordinal for item in found] == [0, *range(100, 109)]
    assert len(found[0].duplicates) == 50
    assert vectors.queries[-1].limit > 109


async def test_words_of_the_question_are_marked() -> None:
    reader = twins((0, "To Install <b>it</b>, run install."))
    [item] = (await find(searching(FakeVectors(1), reader))).items
    assert [item.evidence.text[start:end] for start, end in item.highlights] == ["Install", "install"]


async def test_neighbours_are_read_for_the_hits_of_the_page_alone_and_only_when_asked_for() -> None:
    reader = FakeReader({0, 1, 2, 3, 4})
    search = searching(FakeVectors(5), reader)
    assert [item.around for item in (await find(search)).items] == [None, None, None]
    assert reader.around_places == []
    page = await find(search, replace(QUESTION, offset=3, neighbours=2))
    assert reader.around_places == [((an_id(4), 3), (an_id(4), 4))]
    [around, _] = [item.around for item in page.items]
    assert around is not None
    assert [row.ordinal for row in around.before] == [1, 2]
    assert [row.ordinal for row in around.after] == [4, 5]


async def test_neighbours_that_cannot_be_read_in_time_do_not_cost_the_hits() -> None:
    reader = FakeReader({0})
    reader.around_hangs = True
    search = searching(FakeVectors(1), reader, deadline_seconds=0.05)
    [item] = (await find(search, replace(QUESTION, neighbours=1))).items
    assert (item.evidence.ordinal, item.around) == (0, None)


async def test_without_hits_nobody_asks_for_neighbours() -> None:
    reader = FakeReader(set())
    assert not (await find(searching(FakeVectors(0), reader), replace(QUESTION, neighbours=1))).items
    assert reader.around_places == []


async def test_each_search_tells_what_its_time_was_spent_on() -> None:
    ticks = Ticks()
    await find(searching(FakeVectors(3), FakeReader({0, 1, 2}), ticks=ticks))
    [(mode, seconds)] = ticks.told
    assert mode is SearchMode.HYBRID
    assert seconds == {"postgres": 3.0, "embedder": 1.0, "weaviate": 1.0, "fold": 1.0}


async def test_a_search_that_fails_tells_its_time_too() -> None:
    ticks = Ticks()
    with pytest.raises(VectorsUnavailableError):
        await find(searching(FakeVectors(1, VectorsUnavailableError("down")), FakeReader({0}), ticks=ticks))
    [(_, seconds)] = ticks.told
    assert seconds == {"postgres": 1.0, "embedder": 1.0, "weaviate": 1.0}


async def test_a_long_fold_lets_others_go_on_and_ends_in_time_with_what_is_folded() -> None:
    reader = twins(*((number, f"Words of document {number}.") for number in range(900)))
    question = replace(QUESTION, limit=50, offset=400)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    found = await numbers(searching(FakeVectors(910), reader), question)
    beside.cancel()
    assert found == [*range(400, 450)]
    assert turns > 8
