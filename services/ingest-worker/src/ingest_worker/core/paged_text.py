"""The text of a paged document: running headers taken off, headings of the outline found in it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_NUMBERING = re.compile(
    r"(?:chapter|section|part|appendix)?\s*[\dA-Z]{0,4}(?:\.\d{1,4})*[.:)]?\s*", re.IGNORECASE
)
_REPEATED_SHARE = 0.3
_MIN_REPEATED = 4
_MAX_NUMBERING = 16
_MAX_TITLE_WORDS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a document's outline: 0-based page, 0-based level."""

    title: str
    level: int
    page: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of one page below one heading; ``entry`` is the heading that starts it, None where none does."""

    entry: Entry | None
    text: str


def drop_running_lines(pages: Sequence[str]) -> list[str]:
    """Take off lines that head or foot many pages: titles and page numbers.

    Of the outermost lines numbers are not compared; the lines next to them must be the same on each page.
    """
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update(_edges([line for line in page.split("\n") if line.strip()]))
    often = max(_MIN_REPEATED, int(len(pages) * _REPEATED_SHARE))
    running = {edge for edge, count in seen.items() if count >= often}
    return [_without(page, running) for page in pages] if running else list(pages)


def _edges(lines: list[str]) -> set[str]:
    if not lines:
        return set()
    return {_shape(lines[0]), _shape(lines[-1]), *(line.strip() for line in lines[1:2] + lines[-2:-1])}


def _shape(line: str) -> str:
    return _DIGITS.sub("\0", line.strip())  # a NUL stands in no page's text


def _without(page: str, running: set[str]) -> str:
    lines = page.strip().split("\n")
    for compared in (_shape, str.strip):
        if lines and compared(lines[0]) in running:
            lines.pop(0)
        if lines and compared(lines[-1]) in running:
            lines.pop()
    return "\n".join(lines)


def parts_of(page: str, entries: Sequence[Entry]) -> Iterator[Part]:
    """Cut a page at the headings that its outline entries name; the heading's own line is left out of the text.

    An entry whose title is not found on its page starts where the one before it does.
    """
    start = 0
    waiting: Entry | None = None
    for entry in entries:
        found = _find(page, entry.title, start)
        before = page[start : found[0]] if found else ""
        if waiting is not None or before.strip():
            yield Part(waiting, before.strip())
        waiting = entry
        start = found[1] if found else start
    yield Part(waiting, page[start:].strip())


def _find(page: str, title: str, start: int) -> tuple[int, int] | None:
    """Where a title begins a line, best one of its own (a number may precede it); its words may be broken over lines."""
    words = [re.escape(word) for word in title.split()[:_MAX_TITLE_WORDS]]
    if not words:
        return None
    pattern = re.compile(r"\s+".join(words), re.IGNORECASE)
    shared: tuple[int, int] | None = None
    for match in pattern.finditer(page, start):
        line_start = page.rfind("\n", start, match.start()) + 1 or start
        before = page[line_start : match.start()]
        if len(before) > _MAX_NUMBERING or not _NUMBERING.fullmatch(before):
            continue
        if page[match.end() : match.end() + 1] in {"", "\n"}:
            return line_start, match.end()
        if shared is None and page[match.end()] == " ":
            shared = line_start, match.end()
    return shared


class OutlinePath:
    """The titles above a place in a document, as its outline's entries go by."""

    def __init__(self, root: str) -> None:
        self._root = (root,) if root else ()
        self._stack: list[tuple[int, str]] = []

    def enter(self, entry: Entry) -> None:
        """Go below an entry."""
        while self._stack and self._stack[-1][0] >= entry.level:
            self._stack.pop()
        self._stack.append((entry.level, entry.title))

    def titles(self) -> tuple[str, ...]:
        """From the document's title to the innermost heading."""
        titles = tuple(title for _, title in self._stack)
        return titles if titles[:1] == self._root else self._root + titles
