"""Hits of other documents that say the same become one. Pure.

Equal after normalising (case, spaces, punctuation), or nearly: the Jaccard similarity of their shingles, pairs of
words (Broder, "On the resemblance and containment of documents", 1997). It is computed exactly, for those that share some
of their lowest shingles (a bottom-k sketch, ibid.): what a hit costs does not grow with the number of hits before it.

What must not be folded, because it would hide an answer: texts that differ in a figure or a negation; short texts below different
headings, which say what they are about; pieces of one document, which are different places.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

_words: Final = re.compile(r"[^\W_]+").findall
#: What turns a sentence round: one of them makes another statement, as a figure does.
_NEGATIONS: Final = frozenset(
    ["no", "not", "never", "none", "without", "cannot", "nicht", "kein", "keine", "nie", "ohne"]
)
#: Of texts that are alike one without any of these in common is one in 10^16.
_MARKS: Final = 24
#: Hits that one is compared with at most.
_COMPARED: Final = 32
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


@dataclass(frozen=True, slots=True)
class _Print:
    """What is left of a text for comparing.

    Attributes:
        key: equal for equal texts.
        shingles: a number for each.
        marks: what alike texts have in common: some of the lowest shingles, with all that tells (figures, negations).
    """

    key: Hashable
    shingles: frozenset[int]
    marks: Sequence[Hashable]

    def is_like(self, other: _Print) -> bool:
        """Whether two texts that have a mark in common are nearly equal."""
        common = len(self.shingles & other.shingles)
        return common >= _ALIKE * (len(self.shingles) + len(other.shingles) - common)


class Folder(Generic[T]):
    """Folds hits that come best first.

    Whether a hit stands for itself depends on those before it alone: more hits never change what the first ones came to.

    Attributes:
        folds: of the hits until now, best first.
    """

    def __init__(self) -> None:
        self.folds: list[Fold[T]] = []
        self._documents: list[set[Hashable]] = []
        self._prints: list[_Print] = []
        self._equal: dict[Hashable, list[int]] = {}
        self._marked: dict[Hashable, list[int]] = {}

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
        for place, key in ((self._equal, known.key), *((self._marked, mark) for mark in known.marks)):
            having = place.setdefault(key, [])
            if len(having) < _COMPARED:
                having.append(number)

    def _alike(self, known: _Print) -> Iterator[int]:
        """Those that say the same, equal ones first."""
        yield from self._equal.get(known.key, ())
        shared = Counter(number for mark in known.marks for number in self._marked.get(mark, ()))
        for number, _ in shared.most_common(_COMPARED):
            if known.is_like(self._prints[number]):
                yield number


def _print(text: Text) -> _Print:
    words = _words(text.text.lower())
    short = len(words) < _SHORT
    heading = tuple(_words(text.heading.lower())) if short else ()
    # A text without words (signs, a picture) is equal to itself alone.
    key = (heading, tuple(words) or text.text)
    shingles = frozenset(() if short else _shingles(words))
    telling = tuple(sorted(word for word in words if word in _NEGATIONS or not word.isalpha()))
    return _Print(key, shingles, [(telling, shingle) for shingle in sorted(shingles)[:_MARKS]])


def _shingles(words: Sequence[str]) -> Iterator[int]:
    """A number for each pair of neighbours; two odd factors (of xxHash) spread them, so that the lowest are any."""
    codes = [crc32(word.encode()) for word in words]
    return ((one * 0x9E3779B1 ^ two * 0x85EBCA77) & 0xFFFFFFFF for one, two in pairwise(codes))
