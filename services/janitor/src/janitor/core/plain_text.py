"""The running text of a Markdown document, and its sentences."""

from __future__ import annotations

import re
from typing import Final

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_NO_PROSE: Final = re.compile(r"^ {0,3}(#{1,6}\s|\||[-=*_]{3,}\s*$|\[[^\]]+\]:)")
_MARKER: Final = re.compile(r"^\s*([-*+]|\d{1,4}[.)]|>)\s+")
#: Behind the text of a link: an address, in which parentheses come in pairs, and perhaps a title.
_TARGET: Final = r"\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}(?:\s[^)]{0,200})?\)"
_IMAGE: Final = re.compile(r"!\[[^\]]{0,500}\]" + _TARGET)
_LINK: Final = re.compile(r"\[([^\]]{0,500})\]" + _TARGET)
_EMPHASIS: Final = re.compile(r"(\*\*|__|`|(?<!\w)[*_]|[*_](?!\w))")
_SPACES: Final = re.compile(r"\s+")
#: An end of a sentence, where something that may begin one follows; also of scripts that put no space there.
_END: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W_a-z])|(?<=[。！？])")  # noqa: RUF001  (full-width)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Sec|Vol|approx|z\.B|d\.h|bzw|usw|Nr|Abb)\.|\b[A-Z]\.)$"
)

LEAST_CHARACTERS: Final = 25
MOST_CHARACTERS: Final = 600
_LEAST_WORDS: Final = 4


def paragraphs(markdown: str) -> list[str]:
    """The paragraphs of running text: no headings, code, tables or rules; links and emphasis as their text."""
    found: list[str] = []
    lines: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if fence or opened:
            if opened and not fence:
                fence = opened.group(1)[:3]
            elif opened and opened.group(1).startswith(fence):
                fence = ""
            _close(lines, found)
        elif not line.strip() or _NO_PROSE.match(line) or line.startswith(("    ", "\t")):
            _close(lines, found)
        else:
            if _MARKER.match(line):
                _close(lines, found)
            lines.append(_MARKER.sub("", line))
    _close(lines, found)
    return found


def sentences(markdown: str) -> list[str]:
    """The sentences of the running text that can stand for themselves, in order, each once."""
    found: dict[str, None] = {}
    for paragraph in paragraphs(markdown):
        for sentence in _split(paragraph):
            words = len(sentence.split())
            is_sized = LEAST_CHARACTERS <= len(sentence) <= MOST_CHARACTERS
            # Scripts without spaces have no words to count.
            if is_sized and (words >= _LEAST_WORDS or not sentence.isascii()):
                found.setdefault(sentence)
    return list(found)


def _split(paragraph: str) -> list[str]:
    parts: list[str] = []
    for part in _END.split(paragraph):
        piece = part.strip()
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        elif piece:
            parts.append(piece)
    return parts


def _close(lines: list[str], found: list[str]) -> None:
    if lines:
        text = _EMPHASIS.sub("", _LINK.sub(r"\1", _IMAGE.sub("", " ".join(lines))))
        text = _SPACES.sub(" ", text).strip()
        if text:
            found.append(text)
        lines.clear()
