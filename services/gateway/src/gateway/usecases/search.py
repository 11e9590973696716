"""Searching: Weaviate proposes, Postgres decides what may be shown."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gateway.core.folding import Fold, Folder, Text
from gateway.core.highlights import highlights, terms
from shared.errors import DependencyUnavailableError
from shared.vectors.errors import CollectionMissingError, TenantMissingError
from shared.vectors.port import MAX_RESULTS, Filters, SearchMode, SearchQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

    from gateway.ports import SearchReader, VectorSearch
    from shared.contracts.caller import Caller
    from shared.embedding.port import Embedder
    from shared.postgres.reads.records import ChunkRow, EvidenceRow
    from shared.postgres.reads.search import Scope
    from shared.vectors.port import Hit

MAX_OFFSET: Final = 450
"""Hits that may be passed over: with the largest page, 500 of one ranking."""

#: How many objects are asked for first: twice what is wanted, since some may be staged, superseded or folded.
_SPARE: Final = 10
#: Some 20 ms of work between two looks at other requests.
_FOLDED_AT_ONCE: Final = 100
#: Asking for more ends here, whatever is hidden: a search shall not read a whole index.
_MOST: Final = min(2_000, MAX_RESULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for, and where; None does not narrow.

    Attributes:
        offset: best hits that are passed over, at most :data:`MAX_OFFSET`.
        neighbours: chunks before and after each hit that are wanted with it.
    """

    text: str
    limit: int
    mode: SearchMode
    alpha: float
    offset: int = 0
    neighbours: int = 0
    source_ids: Sequence[UUID] | None = None
    group_ids: Sequence[UUID] | None = None
    document_ids: Sequence[UUID] | None = None
    types: Sequence[str] | None = None
    languages: Sequence[str] | None = None

    @property
    def last(self) -> int:
        """How many hits there must be to fill the page."""
        return self.offset + self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The chunks of the same version before and after one, in reading order."""

    before: Sequence[ChunkRow] = ()
    after: Sequence[ChunkRow] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence with its score.

    Attributes:
        highlights: where words of the question stand in its text: ``[start, end)`` in code points.
        duplicates: evidence further down, of other documents, that says the same.
        around: None where it was not asked for, or could not be read in time.
    """

    evidence: EvidenceRow
    score: float
    highlights: Sequence[tuple[int, int]] = ()
    duplicates: Sequence[EvidenceRow] = ()
    around: Around | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """One page of evidence, best first.

    Attributes:
        more: whether something may follow; where not, nothing does.
    """

    items: Sequence[Found]
    more: bool


@dataclass(slots=True)
class _Search:
    """One search on its way: what must stay the same from round to round, and what came of the last one."""

    caller: Caller
    question: Question
    scope: Scope
    sources: list[UUID] | None
    vector: NDArray[np.float32] | None
    folds: list[Fold[Found]] = field(default_factory=list)
    more: bool = True

    def page(self) -> Findings:
        """What was found until now."""
        question = self.question
        wanted = terms(question.text)
        items = [
            replace(
                each.best,
                highlights=highlights(each.best.evidence.text, wanted),
                duplicates=[other.evidence for other in each.duplicates],
            )
            for each in self.folds[question.offset : question.last]
        ]
        return Findings(items, more=self.more or len(self.folds) > question.last)


class _Way:
    """How far a search has come: what its time is spent on, since when, and what is known already."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.stage = "postgres"
        self.search: _Search | None = None
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._since = clock()

    @property
    def awaits(self) -> str:
        """The dependency that it waits for, or that it waited for last."""
        return "postgres" if self.stage == "fold" else self.stage

    def go_to(self, stage: str) -> None:
        """Spend the time on something else from now on."""
        now = self._clock()
        self.seconds[self.stage] += now - self._since
        self.stage, self._since = stage, now


class Search:
    """Answers questions with chunks of what is served now, each document at one version.

    Args:
        observe: told once for each search: its mode, and its seconds by what they were spent on: ``postgres``,
            ``embedder``, ``weaviate``, ``fold``.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        embedder: Embedder,
        vectors: VectorSearch,
        reader: SearchReader,
        deadline_seconds: float,
        observe: Callable[[SearchMode, Mapping[str, float]], None],
        clock: Callable[[], float],
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._reader = reader
        self._deadline_seconds = deadline_seconds
        self._observe = observe
        self._clock = clock

    async def find(self, caller: Caller, question: Question) -> Findings:
        """A page of the best evidence, best first; empty where there is none.

        Raises:
            DependencyUnavailableError: Weaviate, Postgres or the embedder does not answer in time.
        """
        way = _Way(self._clock)
        try:
            return await self._find(caller, question, way)
        finally:
            way.go_to("")
            self._observe(question.mode, way.seconds)

    async def _find(self, caller: Caller, question: Question, way: _Way) -> Findings:
        page: Findings | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                way.search = search = await self._begin(caller, question, way)
                if search.sources == []:
                    return Findings((), more=False)
                await self._rounds(search, way)
                page = search.page()
                way.go_to("postgres")
                return await self._with_neighbours(search, page)
        except TimeoutError:
            # What was found is true, if less than could be; with nothing found nobody can tell.
            if page is not None:
                return page
            if way.search is not None and (page := way.search.page()).items:
                return page
            raise DependencyUnavailableError(
                way.awaits, f"No answer within {self._deadline_seconds:g} s."
            ) from None
        except (CollectionMissingError, TenantMissingError):
            if await self._reader.has_content(caller.tenant_id):
                raise
            return Findings((), more=False)

    async def _begin(self, caller: Caller, question: Question, way: _Way) -> _Search:
        # T0 before Weaviate is asked: what becomes visible later is not mixed with what was seen.
        scope = await self._reader.scope(caller.tenant_id, question.group_ids)
        vector = None
        if question.mode is not SearchMode.KEYWORD:
            way.go_to("embedder")
            vector = (await self._embedder.embed([question.text]))[0]
        return _Search(caller, question, scope, _both(question.source_ids, scope.source_ids), vector)

    async def _rounds(self, search: _Search, way: _Way) -> None:
        wanted = search.question.last
        asked = wanted * 2 + _SPARE
        while True:
            way.go_to("weaviate")
            hits = await self._hits(search, asked)
            way.go_to("postgres")
            # All hits are looked at again in one statement: each document is seen whole, at one version.
            found = await self._visible(search, hits)
            way.go_to("fold")
            await _fold(found, search)
            # Hits that were folded leave room: more are asked for, as where some may not be shown.
            search.more = len(hits) >= asked and asked < _MOST
            if len(search.folds) >= wanted or not search.more:
                return
            asked = min(asked * 2, _MOST)

    async def _hits(self, search: _Search, asked: int) -> list[Hit]:
        question = search.question
        query = SearchQuery(
            mode=question.mode,
            text=question.text,
            vector=search.vector,
            alpha=question.alpha,
            limit=asked,
            filters=Filters(
                source_ids=search.sources,
                document_ids=question.document_ids,
                types=question.types,
                languages=question.languages,
                exclude_source_ids=search.scope.deleting,
            ),
        )
        return await self._vectors.search(
            search.caller.tenant_slug, query, deadline_seconds=self._deadline_seconds
        )

    async def _visible(self, search: _Search, hits: Sequence[Hit]) -> list[Found]:
        if not hits:
            return []
        rows = await self._reader.visible(
            search.caller.tenant_id,
            [hit.object_id for hit in hits],
            search.scope.moment,
            source_ids=search.sources,
            document_ids=search.question.document_ids,
            languages=search.question.languages,
        )
        return best(hits, rows)

    async def _with_neighbours(self, search: _Search, page: Findings) -> Findings:
        """The page with what stands around each hit in the version that the hit is of."""
        reach = search.question.neighbours
        if not reach:
            return page
        places = [(item.evidence.version_id, item.evidence.ordinal) for item in page.items]
        rows = await self._reader.around(search.caller.tenant_id, places, reach) if places else {}
        return replace(
            page,
            items=[
                replace(item, around=_around(rows.get(at, ()), at[1]))
                for item, at in zip(page.items, places, strict=True)
            ],
        )


def best(hits: Sequence[Hit], rows: Sequence[EvidenceRow]) -> list[Found]:
    """The evidence in the order of the hits; of several objects of one chunk the best one stands for it."""
    by_object = {row.object_id: row for row in rows}
    found: dict[UUID, Found] = {}
    for hit in sorted(hits, key=lambda hit: -hit.score):
        row = by_object.get(hit.object_id)
        if row is not None:
            found.setdefault(row.chunk_id, Found(row, hit.score))
    return list(found.values())


async def _fold(found: Sequence[Found], search: _Search) -> None:
    """Fold what was found, and let other requests go on in between."""
    folder = Folder[Found]()
    search.folds = folder.folds
    for number, each in enumerate(found, start=1):
        folder.add(_text(each.evidence), each)
        if number % _FOLDED_AT_ONCE == 0:
            await asyncio.sleep(0)


def _text(row: EvidenceRow) -> Text:
    # A document's title is not compared: copies have other names.
    headings = row.heading_path[row.heading_path[:1] == [row.title] :]
    return Text(row.document_id, headings[-1] if headings else "", row.text)


def _around(rows: Sequence[ChunkRow], ordinal: int) -> Around:
    return Around(
        before=[row for row in rows if row.ordinal < ordinal],
        after=[row for row in rows if row.ordinal > ordinal],
    )


def _both(given: Sequence[UUID] | None, of_groups: Sequence[UUID] | None) -> list[UUID] | None:
    if given is None:
        return None if of_groups is None else list(of_groups)
    if of_groups is None:
        return list(given)
    allowed = set(of_groups)
    return [source for source in given if source in allowed]
