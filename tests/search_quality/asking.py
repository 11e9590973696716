"""Asks the questions, by the gateway's own search; only Postgres is stood in for, by what was indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.usecases.search import Question, Search
from search_quality.figures import DEPTH, place
from search_quality.indexing import page
from shared.clock import now
from shared.postgres.reads.search import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from search_quality.corpora import Corpus
    from search_quality.indexing import Indexed
    from shared.postgres.reads.records import ChunkRow, EvidenceRow
    from shared.vectors.port import SearchMode


class AllShown:
    """A reader for content of which everything is served."""

    def __init__(self, indexed: Indexed) -> None:
        self._rows = indexed.rows

    async def scope(self, tenant_id: UUID, group_ids: Sequence[UUID] | None) -> Scope:
        """Everywhere."""
        return Scope(moment=now(), source_ids=None, deleting=[])

    async def has_content(self, tenant_id: UUID) -> bool:
        """There is."""
        return True

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
        """All of them; barriers have no row."""
        return [self._rows[key] for key in object_ids if key in self._rows]

    async def around(
        self, tenant_id: UUID, places: Sequence[tuple[UUID, int]], reach: int
    ) -> dict[tuple[UUID, int], list[ChunkRow]]:
        """Nothing: no question asks for it."""
        return {}


async def places(
    search: Search, indexed: Indexed, corpus: Corpus, *, mode: SearchMode, alpha: float
) -> list[int | None]:
    """Where the answers to a manual's questions stand."""
    found = []
    for pair in corpus.pairs:
        question = Question(text=pair.question, limit=DEPTH, mode=mode, alpha=alpha)
        hits = await search.find(indexed.caller, question)
        pages = [indexed.pages[hit.evidence.document_id] for hit in hits.items]
        found.append(place(pages, frozenset(page(corpus, name) for name in pair.pages)))
    return found
