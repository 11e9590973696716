"""Text as everything downstream can take it: one kind of line end, no control characters, no invisible ones."""

from __future__ import annotations

import re

from shared.content import clean_text

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_INVISIBLE = re.compile("[\x01-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]+")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_SOFT_HYPHEN_BREAK = re.compile("[\u00ad\ufffe\x02]\r?\n")


def tidy(text: str) -> str:
    r"""Clean a document's text.

    NUL bytes and lone surrogates go (Postgres refuses them), line and page ends of every kind become ``\n``, typographic
    spaces become spaces, and control characters, soft hyphens and zero-width spaces go: they keep words from being
    found. Joiners (U+200C, U+200D) stay, they carry meaning in several scripts.
    """
    text = clean_text(text)
    if _LINE_ENDS.search(text):
        text = _LINE_ENDS.sub("\n", text)
    if text.isascii():
        return _INVISIBLE.sub("", text) if _INVISIBLE.search(text) else text
    return _SPACES.sub(" ", _INVISIBLE.sub("", text))


def join_soft_hyphens(text: str) -> str:
    """Put words together that were hyphenated at a line's end (PDFium marks such a place with U+FFFE or U+0002)."""
    return _SOFT_HYPHEN_BREAK.sub("", text)
