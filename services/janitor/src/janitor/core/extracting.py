"""Summaries made of a document's own sentences.

LexRank with continuous weights: G. Erkan, D. R. Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text
Summarization", Journal of Artificial Intelligence Research 22 (2004), sections 3.2 and 3.3. A sentence matters as far
as sentences that matter resemble it. It needs no model, no network and no language's grammar.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from janitor.core.plain_text import paragraphs, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: The probability of a jump to any sentence, as in the paper.
_JUMP: Final = 0.15
_ROUNDS: Final = 100
_PRECISE: Final = 1e-6
#: Sentences that resemble one that was chosen more than this say the same again.
_SAME: Final = 0.6
#: The matrix has this many rows at most; of a longer document the sentences are taken at even distances.
SENTENCES_AT_MOST: Final = 600
#: Of a document without sentences its beginning stands for it.
_BEGINNING_CHARACTERS: Final = 400
_WORD: Final = re.compile(r"[^\W_]+")


def extract(markdown: str, *, wanted: int) -> str:
    """The ``wanted`` sentences that say the most, in the order of the document; empty where there is no text.

    Args:
        markdown: of the document.
        wanted: how many sentences at most.
    """
    found = sentences(markdown)
    if not found:
        return " ".join(paragraphs(markdown))[:_BEGINNING_CHARACTERS].strip()
    some = _spread(found, SENTENCES_AT_MOST)
    likeness = _likeness(some)
    chosen = _choose(_ranks(likeness), likeness, wanted)
    return " ".join(some[place] for place in sorted(chosen))


def _spread(found: Sequence[str], at_most: int) -> list[str]:
    if len(found) <= at_most:
        return list(found)
    return [found[index * len(found) // at_most] for index in range(at_most)]


def _likeness(some: Sequence[str]) -> NDArray[np.float64]:
    """The cosines of the sentences' vectors: counts of words, weighted by how few sentences have them."""
    bags = [Counter(word.casefold() for word in _WORD.findall(sentence)) for sentence in some]
    spread = Counter(word for bag in bags for word in bag)
    # A word of one sentence alone makes nothing alike, but lengthens its vector.
    places = {word: index for index, word in enumerate(spread)}
    vectors = np.zeros((len(some), max(1, len(places))))
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            vectors[row, places[word]] = count * (1.0 + np.log(len(some) / spread[word]))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1.0)
    return np.asarray(vectors @ vectors.T)


def _ranks(likeness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stationary distribution of a walk from sentence to sentence, by the power method."""
    count = len(likeness)
    sums = likeness.sum(axis=1, keepdims=True)
    steps = np.where(sums > 0, likeness / np.where(sums > 0, sums, 1.0), 1.0 / count)
    ranks = np.full(count, 1.0 / count)
    for _ in range(_ROUNDS):
        moved = _JUMP / count + (1 - _JUMP) * (steps.T @ ranks)
        if np.abs(moved - ranks).sum() < _PRECISE:
            return np.asarray(moved)
        ranks = moved
    return ranks


def _choose(ranks: NDArray[np.float64], likeness: NDArray[np.float64], wanted: int) -> list[int]:
    chosen: list[int] = []
    # Of equal ones the earlier: a document begins with what it is about.
    for place in sorted(range(len(ranks)), key=lambda at: (-round(float(ranks[at]), 9), at)):
        if len(chosen) == wanted:
            break
        if all(likeness[place, other] <= _SAME for other in chosen):
            chosen.append(place)
    return chosen
