"""One ranking from a search by vector and one by keyword. Pure.

Weaviate can fuse by itself, but scales the scores by the worst hit that it was asked for: beyond a hundred hits the
ranking is another one for each limit, so that pages of it overlap and a larger page begins differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.vectors.port import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

WINDOW: Final = 100
"""Hits of each ranking that scores are scaled by: at least that many must be asked for."""


def fuse(by_vector: Sequence[Hit], by_keyword: Sequence[Hit], *, alpha: float) -> list[Hit]:
    """Relative-score fusion of the first :data:`WINDOW` hits of each; behind them the others, by their best place.

    Deeper rankings add hits at the end and change nothing before them.

    Args:
        by_vector: best first.
        by_keyword: best first, with scores ``s / (1 + s)`` of the BM25 score s.
        alpha: share of the vector's score.
    """
    vector = _relative(by_vector[:WINDOW], lambda score: score)
    keyword = _relative(by_keyword[:WINDOW], lambda score: score / (1 - score))
    places = _places(by_vector, by_keyword)
    scored = {
        key: alpha * vector.get(key, 0.0) + (1 - alpha) * keyword.get(key, 0.0)
        for key in vector.keys() | keyword.keys()
    }
    hits = {hit.object_id: hit for hit in (*by_vector, *by_keyword)}
    # Whatever is in a window comes before all that is not, its score 0 or not.
    order = sorted(hits, key=lambda key: (key not in scored, -scored.get(key, 0.0), places[key], key))
    return [Hit(key, hits[key].chunk_id, min(1.0, scored.get(key, 0.0))) for key in order]


def _relative(hits: Sequence[Hit], raw: Callable[[float], float]) -> dict[UUID, float]:
    """The best as 1, the worst as 0 (all as 1 where they are equal)."""
    if not hits:
        return {}
    scores = {hit.object_id: raw(hit.score) for hit in hits}
    low, high = min(scores.values()), max(scores.values())
    return {key: (score - low) / (high - low) if high > low else 1.0 for key, score in scores.items()}


def _places(*rankings: Sequence[Hit]) -> dict[UUID, int]:
    """The best place of each object."""
    places: dict[UUID, int] = {}
    for ranking in rankings:
        for place, hit in enumerate(ranking):
            places[hit.object_id] = min(place, places.get(hit.object_id, place))
    return places
