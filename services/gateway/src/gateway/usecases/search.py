"""Searching: Weaviate proposes, Postgres decides what may be shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.errors import DependencyUnavailableError
from shared.vectors.errors import CollectionMissingError, TenantMissingError
from shared.vectors.port import MAX_RESULTS, Filters, SearchMode, SearchQuery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

    from gateway.ports import SearchReader, VectorSearch
    from shared.contracts.caller import Caller
    from shared.embedding.port import Embedder
    from shared.postgres.reads.records import EvidenceRow
    from shared.postgres.reads.search import Scope
    from shared.vectors.port import Hit

#: How many objects are asked for first: twice what is wanted, since some may be staged or superseded.
_SPARE: Final = 10
#: Asking for more ends here, whatever is hidden: a search shall not read a whole index.
_MOST: Final = min(2_000, MAX_RESULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for, and where; None does not narrow."""

    text: str
    limit: int
    mode: SearchMode
    alpha: float
    source_ids: Sequence[UUID] | None = None
    group_ids: Sequence[UUID] | None = None
    document_ids: Sequence[UUID] | None = None
    types: Sequence[str] | None = None
    languages: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence with its score."""

    evidence: EvidenceRow
    score: float


@dataclass(slots=True)
class _Search:
    """One search on its way: what must stay the same from round to round."""

    caller: Caller
    question: Question
    scope: Scope
    sources: list[UUID] | None
    vector: NDArray[np.float32] | None
    found: list[Found] | None = field(default=None)


@dataclass(slots=True)
class _Way:
    """How far a search has come: which dependency it waits for, and what is known already."""

    awaits: str = "postgres"
    search: _Search | None = None


class Search:
    """Answers questions with chunks of what is served now, each document at one version."""

    def __init__(
        self,
        *,
        embedder: Embedder,
        vectors: VectorSearch,
        reader: SearchReader,
        deadline_seconds: float,
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._reader = reader
        self._deadline_seconds = deadline_seconds

    async def find(self, caller: Caller, question: Question) -> list[Found]:
        """The best evidence, best first; nothing where there is none.

        Raises:
            DependencyUnavailableError: Weaviate, Postgres or the embedder does not answer in time.
        """
        way = _Way()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                way.search = await self._begin(caller, question, way)
                if way.search.sources == []:
                    return []
                return await self._rounds(way.search, way)
        except TimeoutError:
            # What was found is true, if less than could be; with nothing found nobody can tell.
            if way.search is not None and way.search.found:
                return way.search.found
            raise DependencyUnavailableError(
                way.awaits, f"No answer within {self._deadline_seconds:g} s."
            ) from None
        except (CollectionMissingError, TenantMissingError):
            if await self._reader.has_content(caller.tenant_id):
                raise
            return []

    async def _begin(self, caller: Caller, question: Question, way: _Way) -> _Search:
        # T0 before Weaviate is asked: what becomes visible later is not mixed with what was seen.
        scope = await self._reader.scope(caller.tenant_id, question.group_ids)
        vector = None
        if question.mode is not SearchMode.KEYWORD:
            way.awaits = "embedder"
            vector = (await self._embedder.embed([question.text]))[0]
        return _Search(caller, question, scope, _both(question.source_ids, scope.source_ids), vector)

    async def _rounds(self, search: _Search, way: _Way) -> list[Found]:
        question = search.question
        asked = question.limit * 2 + _SPARE
        while True:
            way.awaits = "weaviate"
            hits = await self._hits(search, asked)
            way.awaits = "postgres"
            # All hits are looked at again in one statement: each document is seen whole, at one version.
            search.found = await self._visible(search, hits)
            if len(search.found) >= question.limit or len(hits) < asked or asked >= _MOST:
                return search.found
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
        return best(hits, rows)[: search.question.limit]


def best(hits: Sequence[Hit], rows: Sequence[EvidenceRow]) -> list[Found]:
    """The evidence in the order of the hits; of several objects of one chunk the best one stands for it."""
    by_object = {row.object_id: row for row in rows}
    found: dict[UUID, Found] = {}
    for hit in sorted(hits, key=lambda hit: -hit.score):
        row = by_object.get(hit.object_id)
        if row is not None:
            found.setdefault(row.chunk_id, Found(row, hit.score))
    return list(found.values())


def _both(given: Sequence[UUID] | None, of_groups: Sequence[UUID] | None) -> list[UUID] | None:
    if given is None:
        return None if of_groups is None else list(of_groups)
    if of_groups is None:
        return list(given)
    allowed = set(of_groups)
    return [source for source in given if source in allowed]
