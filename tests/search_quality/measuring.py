"""Indexes manuals, asks everything in every way, and gathers what came of it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from gateway.usecases.search import Search
from search_quality.asking import AllShown, places
from search_quality.indexing import index
from search_quality.report import Asked, ways
from shared.vectors.port import DEFAULT_ALPHA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from search_quality.corpora import Corpus
    from shared.embedding import BundledEmbedder
    from shared.vectors.port import SearchMode
    from shared.vectors.store import WeaviateStore

ALPHAS: Final = tuple(sorted({*(step / 10 for step in range(1, 10)), 0.35, DEFAULT_ALPHA, 0.55}))
_DEADLINE_SECONDS: Final = 60.0


async def measure(
    corpora: Sequence[Corpus],
    *,
    vectors: WeaviateStore,
    embedder: BundledEmbedder,
    tenant: str = "quality",
    alphas: Iterable[float] = ALPHAS,
    versions: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Asked:
    """Ask all questions of all corpora, which share one tenant."""
    tell("Indexing")
    indexed = await index(tenant, list(corpora), vectors=vectors, embedder=embedder)
    search = Search(
        embedder=embedder,
        vectors=vectors,
        reader=AllShown(indexed),
        deadline_seconds=_DEADLINE_SECONDS,
        observe=_nobody,
        clock=monotonic,
    )
    found = {}
    for way in ways(alphas):
        tell(f"Asking: {way}")
        found[way] = {
            each.name: await places(search, indexed, each, mode=way.mode, alpha=way.alpha or 0.0)
            for each in corpora
        }
    return Asked(
        origins={each.name: each.origin for each in corpora},
        pages={each.name: len(each.pages) for each in corpora},
        chunks=len(indexed.rows),
        questions={each.name: [pair.question for pair in each.pairs] for each in corpora},
        places=found,
        versions=versions or {},
        default=DEFAULT_ALPHA,
    )


def _nobody(_mode: SearchMode, _seconds: Mapping[str, float]) -> None:
    """Times are measured elsewhere."""
