"""Markdown as a stream of blocks: headings, code fences, tables, and everything else as text.

A line scanner for what matters to chunking, not a CommonMark parser: ATX and setext headings, fences (also inside
block quotes and list items) and pipe tables (GitHub Flavored Markdown spec 0.29, 4.2-4.5 and 4.10). It reads each
line once, and holds one block at a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(Enum):
    """What a block is."""

    HEADING = "heading"
    FENCE = "fence"
    TABLE = "table"
    TEXT = "text"


@dataclass(slots=True)
class Block:
    """A block and its lines, without line ends.

    Attributes:
        kind: what it is.
        lines: a heading's title as one line; a fence with its opening line and, where it is written, its closing one.
        level: of a heading, 1 to 6.
    """

    kind: Kind
    lines: list[str] = field(default_factory=list)
    level: int = 0


_WINDOW_CHARACTERS = 1 << 20
_MAX_SETEXT_LINES = 3
_MIN_SETEXT_DASHES = 3
_MAX_LEVEL = 6
_CODE_INDENT = 4
_SPECIAL = frozenset("#=-|:*_")
FENCE_OPEN = re.compile(r"(?:\s*+>)*+\s*+(?:(?:[-*+]|\d{1,9}[.)])\s++)*+(`{3,}+|~{3,}+)([^\n]*)")
_FENCE_CLOSE = re.compile(r"(?:\s*+>)*+\s*+(`{3,}+|~{3,}+)\s*+$")
_LIST_ITEM = re.compile(r"\s*+(?:[-*+]|\d{1,9}[.)])(?:\s|$)")


def lines_of(text: str) -> Iterator[str]:
    r"""The lines of a text that uses ``\n`` alone, without holding a list of them all."""
    start, end = 0, len(text)
    while end - start > _WINDOW_CHARACTERS:
        cut = text.rfind("\n", start, start + _WINDOW_CHARACTERS)
        if cut < 0:
            cut = text.find("\n", start)
        if cut < 0:
            break
        yield from text[start:cut].split("\n")
        start = cut + 1
    yield from text[start:].split("\n")


def is_list_item(line: str) -> bool:
    """Whether a line starts a list item."""
    return _LIST_ITEM.match(line) is not None


def scan(markdown: str) -> Iterator[Block]:
    r"""The blocks of a Markdown text whose line ends are ``\n``.

    Blank lines and thematic breaks only separate. A fence that is never closed runs to the end, as in CommonMark.
    """
    return _Scanner().run(lines_of(markdown))


class _Scanner:
    """One pass over the lines; ``_open`` is the block being read, if any, ``_done`` those that wait to be taken."""

    def __init__(self) -> None:
        self._open: Block | None = None
        self._done: list[Block] = []
        self._fence_mark = ""
        self._quoted = False

    def run(self, lines: Iterator[str]) -> Iterator[Block]:
        done = self._done
        for line in lines:
            if self._fence_mark:
                self._in_fence(line)
            else:
                self._line(line)
            if done:
                yield from done
                done.clear()
        self._close()
        yield from done

    def _close(self) -> None:
        if self._open is not None:
            self._done.append(self._open)
            self._open = None

    def _line(self, line: str) -> None:
        stripped = line.strip()
        if not stripped:
            self._close()
            return
        first = stripped[0]
        if first.isalpha():  # most lines of most documents
            self._plain(line, stripped)
        elif ("```" in line or "~~~" in line) and (opening := _opens_fence(line)):
            self._close()
            self._open = Block(Kind.FENCE, [line])
            self._fence_mark = opening
            self._quoted = first == ">"
        elif first in _SPECIAL:
            self._special(line, stripped)
        else:
            self._plain(line, stripped)

    def _in_fence(self, line: str) -> None:
        if self._quoted and not line.lstrip().startswith(">"):  # the quote ends, and its fence with it
            self._fence_mark = ""
            self._close()
            self._line(line)
            return
        if self._open is not None:
            self._open.lines.append(line)
        if self._fence_mark in line and _FENCE_CLOSE.match(line):
            self._fence_mark = ""
            self._close()

    def _special(self, line: str, stripped: str) -> None:
        if stripped[0] == "|" and self._open is not None and self._open.kind is Kind.TABLE:
            self._open.lines.append(line)
        elif (heading := _atx(line, stripped)) is not None:
            self._close()
            if heading.lines[0]:
                self._done.append(heading)
        elif _is_delimiter_row(stripped) and self._starts_table():
            self._to_table(line)
        elif stripped[0] in "=-" and (level := self._setext_level(stripped)) and self._open is not None:
            title = " ".join(text.strip() for text in self._open.lines)
            self._open = None
            self._done.append(Block(Kind.HEADING, [title], level))
        elif stripped[0] in "-*_" and _is_thematic_break(stripped):
            self._close()
        else:
            self._plain(line, stripped)

    def _plain(self, line: str, stripped: str) -> None:
        if self._open is not None and self._open.kind is Kind.TABLE and "|" not in stripped:
            self._close()
        if self._open is None:
            self._open = Block(Kind.TEXT, [line])
        else:
            self._open.lines.append(line)

    def _starts_table(self) -> bool:
        return self._open is not None and self._open.kind is Kind.TEXT and "|" in self._open.lines[-1]

    def _to_table(self, delimiter: str) -> None:
        if self._open is None:
            return
        header = self._open.lines.pop()
        if self._open.lines:
            self._done.append(self._open)
        self._open = Block(Kind.TABLE, [header, delimiter])

    def _setext_level(self, stripped: str) -> int:
        """1 under ``=``, 2 under ``-``; 0 where the lines above are no title."""
        block = self._open
        if block is None or block.kind is not Kind.TEXT or len(block.lines) > _MAX_SETEXT_LINES:
            return 0
        first = block.lines[0]
        if is_list_item(first) or first.lstrip().startswith(">") or first.startswith("    "):
            return 0
        if not stripped.strip("="):
            return 1
        return 2 if len(stripped) >= _MIN_SETEXT_DASHES and not stripped.strip("-") else 0


def _opens_fence(line: str) -> str:
    match = FENCE_OPEN.match(line)
    if match is None:
        return ""
    mark, info = match.group(1), match.group(2)
    return "" if mark[0] == "`" and "`" in info else mark  # ```inline``` is code within a line


def _atx(line: str, stripped: str) -> Block | None:
    if stripped[0] != "#" or line[:_CODE_INDENT].isspace():
        return None
    rest = stripped.lstrip("#")
    level = len(stripped) - len(rest)
    if level > _MAX_LEVEL or (rest and rest[0] not in " \t"):
        return None
    title = rest.strip()
    bare = title.rstrip("#")
    if bare != title and (not bare or bare[-1] in " \t"):  # a closing sequence of #s
        title = bare.rstrip()
    return Block(Kind.HEADING, [title], level)


def _is_delimiter_row(stripped: str) -> bool:
    return "-" in stripped and "|" in stripped and not stripped.strip("|:- \t")


def _is_thematic_break(stripped: str) -> bool:
    marks = stripped.replace(" ", "").replace("\t", "")
    return len(marks) >= 3 and marks[0] in "-*_" and not marks.strip(marks[0])  # noqa: PLR2004 - three marks make a break
