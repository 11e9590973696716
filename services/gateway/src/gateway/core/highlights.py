"""Which words of a hit are those that were asked for. Pure.

Ranges, not marked text: a text may hold anything, HTML too, and stays what it is; whoever shows it escapes it and
draws the marks.
"""

from __future__ import annotations

import re
from typing import Final

_words: Final = re.compile(r"[^\W_]+").finditer
#: Weaviate's English stop words: they find nothing, so they are no reason why something was found.
_STOP_WORDS: Final = frozenset(
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
#: From here on scripts put no spaces between words (CJK), so that a word of the question is looked for inside of one.
_NO_SPACES: Final = "\u2e80"

MOST: Final = 100
"""Ranges of one text."""


def terms(query: str) -> frozenset[str]:
    """The words of a question as a search by keyword takes them: letters and digits, lower case, no stop words."""
    found = (match[0].lower() for match in _words(query))
    return frozenset(word for word in found if word not in _STOP_WORDS)


def highlights(text: str, wanted: frozenset[str]) -> list[tuple[int, int]]:
    """Where words of the question stand in a text: ``[start, end)`` in code points, in order, at most :data:`MOST`."""
    if not wanted:
        return []
    inner = sorted((re.escape(term) for term in wanted if term >= _NO_SPACES), key=len, reverse=True)
    inside = re.compile("|".join(inner)) if inner else None
    found: list[tuple[int, int]] = []
    for word in _words(text):
        lower = word[0].lower()
        if lower in wanted:
            found.append(word.span())
        elif inside is not None and len(lower) == len(word[0]):
            found.extend(
                (word.start() + part.start(), word.start() + part.end()) for part in inside.finditer(lower)
            )
        if len(found) >= MOST:
            break
    return found[:MOST]
