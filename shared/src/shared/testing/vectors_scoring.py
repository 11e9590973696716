"""How the in-memory vector store scores: the rules of Weaviate's three modes, without its speed. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from shared.vectors import SearchMode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from numpy.typing import NDArray

    from shared.vectors import SearchQuery, VectorObject

_words = re.compile(r"[^\W_]+").findall
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)
_K1 = 1.2
_B = 0.75


def scores(query: SearchQuery, found: Mapping[UUID, VectorObject], vectors: set[UUID]) -> dict[UUID, float]:
    """The score of each object that the mode finds.

    Args:
        query: what is looked for.
        found: the objects that its filters let through.
        vectors: which of these the vector index knows.
    """
    if query.mode is SearchMode.KEYWORD:
        return {key: score / (1 + score) for key, score in bm25(query.text, found).items()}
    asked = np.asarray(query.vector)
    cosines = {key: cosine(asked, one.vector) for key, one in found.items() if key in vectors}
    if query.mode is SearchMode.VECTOR:
        return {key: max(0.0, value) for key, value in cosines.items()}
    by_vector = _relative(cosines if query.alpha > 0 else {})
    by_keyword = _relative(bm25(query.text, found) if query.alpha < 1 else {})
    return {
        key: query.alpha * by_vector.get(key, 0.0) + (1 - query.alpha) * by_keyword.get(key, 0.0)
        for key in by_vector.keys() | by_keyword.keys()
    }


def cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """The cosine of two vectors."""
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


def bm25(text: str, found: Mapping[UUID, VectorObject]) -> dict[UUID, float]:
    """BM25 of each object that has a word of the text; stop words count for nothing."""
    documents = {key: Counter(_tokens(one.text)) for key, one in found.items()}
    average = sum(counts.total() for counts in documents.values()) / max(1, len(documents)) or 1.0
    result: dict[UUID, float] = {}
    for word in set(_tokens(text)):
        having = [key for key, counts in documents.items() if counts[word]]
        rarity = math.log(1 + (len(documents) - len(having) + 0.5) / (len(having) + 0.5))
        for key in having:
            often, length = documents[key][word], documents[key].total()
            weight = often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * length / average))
            result[key] = result.get(key, 0.0) + rarity * weight
    return result


def _tokens(text: str) -> list[str]:
    return [word for word in _words(text.lower()) if word not in _STOP_WORDS]


def _relative(values: Mapping[UUID, float]) -> dict[UUID, float]:
    """The best as 1, the worst as 0 (all as 1 where they are equal)."""
    if not values:
        return {}
    low, high = min(values.values()), max(values.values())
    return {key: (value - low) / (high - low) if high > low else 1.0 for key, value in values.items()}
