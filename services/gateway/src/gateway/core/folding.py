"""Hits of other documents that say the same become one. Pure.

Equal after normalising (case, spaces, punctuation), or nearly: the Jaccard similarity of their shingles, pairs of
words (Broder, "On the resemblance and containment of documents", 1997), computed exactly, since there are few hits.

What must not be folded, because it would hide an answer: texts that differ in a figure or a negation; short texts below different
headings, which say what they are about; pieces of one document, which are different places.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

_words: Final = re.compile(r"[^\W_]+").findall
#: Figures, and what turns a sentence round: one of them makes another statement.
_telling: Final = re.compile(r".*\d|(?:no|not|never|none|without|cannot|nicht|kein|keine|nie|ohne)$").match
_SHINGLE: Final = 2
#: About one word in twenty may differ.
_ALIKE: Final = 0.8
#: Fewer words than that are about what their heading says.
_SHORT: Final = 16

MOST: Final = 50
"""Duplicates that one hit names."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Text:
    """What is compared of a hit.

    Attributes:
        document: pieces of one document are never duplicates of each other.
        heading: the innermost one below the document's title.
        text: its own words.
    """

    document: Hashable
    heading: str
    text: str


@dataclass(slots=True)
class Fold(Generic[T]):
    """A hit, and those further down that say the same; at most :data:`MOST` are kept."""

    best: T
    duplicates: list[T] = field(default_factory=list)


def fold(hits: Sequence[tuple[Text, T]]) -> list[Fold[T]]:
    """Fold hits that come best first.

    Whether a hit stands for itself depends on those before it alone: more hits never change what the first ones came to.
    """
    folder = _Folder[T]()
    for text, hit in hits:
        folder.add(text, hit)
    return folder.folds


@dataclass(frozen=True, slots=True)
class _Print:
    """What is left of a text for comparing."""

    key: Hashable
    shingles: frozenset[tuple[str, ...]]
    telling: tuple[str, ...]


class _Folder(Generic[T]):
    def __init__(self) -> None:
        self.folds: list[Fold[T]] = []
        self._documents: list[set[Hashable]] = []
        self._prints: list[_Print] = []
        self._equal: dict[Hashable, list[int]] = {}
        self._having: dict[tuple[str, ...], list[int]] = {}

    def add(self, text: Text, hit: T) -> None:
        """Put a hit to the first one that says the same in another document, else let it stand for itself."""
        known = _print(text)
        at = next(
            (number for number in self._alike(known) if text.document not in self._documents[number]), None
        )
        if at is None:
            self._stand(known, text, hit)
            return
        self._documents[at].add(text.document)
        if len(self.folds[at].duplicates) < MOST:
            self.folds[at].duplicates.append(hit)

    def _stand(self, known: _Print, text: Text, hit: T) -> None:
        number = len(self.folds)
        self.folds.append(Fold(hit))
        self._documents.append({text.document})
        self._prints.append(known)
        self._equal.setdefault(known.key, []).append(number)
        for shingle in known.shingles:
            self._having.setdefault(shingle, []).append(number)

    def _alike(self, known: _Print) -> Iterator[int]:
        """Those that say the same, equal ones first."""
        yield from self._equal.get(known.key, ())
        shared = Counter(number for shingle in known.shingles for number in self._having.get(shingle, ()))
        for number, common in sorted(shared.items()):
            other = self._prints[number]
            either = len(known.shingles) + len(other.shingles) - common
            if common >= _ALIKE * either and known.telling == other.telling:
                yield number


def _print(text: Text) -> _Print:
    words = _words(text.text.lower())
    short = len(words) < _SHORT
    heading = tuple(_words(text.heading.lower())) if short else ()
    # A text without words (signs, a picture) is equal to itself alone.
    key = (heading, tuple(words) or text.text)
    shingles = () if short else zip(*(words[start:] for start in range(_SHINGLE)), strict=False)
    return _Print(key, frozenset(shingles), tuple(sorted(filter(_telling, words))))
