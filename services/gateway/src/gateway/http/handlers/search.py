"""Search: a translation and one call."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from gateway.http.models.search import Hit, SearchAnswer, SearchFilters
from gateway.usecases.search import Question
from shared.vectors.port import SearchMode

if TYPE_CHECKING:
    from gateway.http.models.common import NoQuery
    from gateway.http.models.search import SearchInput
    from gateway.http.route import Call
    from gateway.usecases.search import Found, Search


class SearchHandlers:
    """/v1/search."""

    def __init__(self, *, search: Search) -> None:
        self._search = search

    async def search(self, call: Call[NoQuery, SearchInput]) -> SearchAnswer:
        """POST /v1/search."""
        start = perf_counter()
        body = call.body
        where = body.filters or SearchFilters()
        question = Question(
            text=body.query,
            limit=body.limit,
            mode=SearchMode(body.mode),
            alpha=body.alpha,
            source_ids=where.source_ids,
            group_ids=where.group_ids,
            document_ids=where.document_ids,
            types=where.types,
            languages=where.languages,
        )
        found = await self._search.find(call.caller, question)
        took_ms = round((perf_counter() - start) * 1000)
        return SearchAnswer(items=[_hit(item) for item in found], took_ms=took_ms)


def _hit(found: Found) -> Hit:
    row = found.evidence
    return Hit(
        chunk_id=row.chunk_id,
        text=row.text,
        score=found.score,
        title=row.title,
        url=row.url,
        heading_path=row.heading_path,
        source_id=row.source_id,
        document_id=row.document_id,
        version_id=row.version_id,
        ordinal=row.ordinal,
    )
