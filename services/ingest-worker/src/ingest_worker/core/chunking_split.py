"""Cutting what is longer than a chunk: text at sentences, code at lines, tables at rows.

Every function takes a limit in characters and keeps to it; all are linear in the length of their input.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from ingest_worker.core.markdown_blocks import FENCE_OPEN, is_list_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SENTENCE_ENDS = (". ", "! ", "? ", ".\n", "!\n", "?\n", "; ", ";\n", "\u3002", "\uff01", "\uff1f")
_SPACES = (" ", "\n", "\t", "\u3000")
_NOT_SPACE = re.compile(r"\S")
_MAX_CLUSTER = 32
_ZERO_WIDTH_JOINER = "\u200d"
_MODIFIERS = ("\U0001f3fb", "\U0001f3ff")
_REGIONAL = ("\U0001f1e6", "\U0001f1ff")


def split_text(text: str, limit: int) -> Iterator[str]:
    """Pieces of at most ``limit`` characters, cut after paragraphs, sentences, lines or words, whichever fits first."""
    start, end = _skip_space(text, 0), len(text)
    while end - start > limit:
        cut = _cut(text, start, start + limit)
        yield text[start:cut].rstrip()
        start = _skip_space(text, cut)
    if start < end and (last := text[start:].rstrip()):
        yield last


def split_lines(lines: Iterable[str], limit: int, *, separator: str = "\n") -> Iterator[str]:
    """Whole lines packed into pieces; a line that is too long alone is cut like text."""
    packed: list[str] = []
    size = 0
    for line in lines:
        added = len(line) + (len(separator) if packed else 0)
        if size + added <= limit:
            packed.append(line)
            size += added
            continue
        yield from _joined(packed, separator)
        packed, size = [], 0
        if len(line) > limit:
            yield from split_text(line, limit)
        else:
            packed, size = [line], len(line)
    yield from _joined(packed, separator)


def split_block(lines: list[str], limit: int) -> Iterator[str]:
    """A paragraph at its sentences, a list at its items."""
    if any(is_list_item(line) for line in lines[:2]):
        for item in split_items(lines):
            yield from [item] if len(item) <= limit else split_lines(item.split("\n"), limit)
    else:
        yield from split_text("\n".join(lines), limit)


def split_items(lines: list[str]) -> Iterator[str]:
    """The outermost items of a list, each with the lines that belong to it."""
    markers = [line for line in lines if is_list_item(line)]
    indent = min((_indent(line) for line in markers), default=0)
    item: list[str] = []
    for line in lines:
        if item and is_list_item(line) and _indent(line) <= indent:
            yield "\n".join(item)
            item = []
        item.append(line)
    yield "\n".join(item)


def split_fence(lines: list[str], limit: int) -> Iterator[str]:
    """Code at its lines, each piece fenced anew; the fence's own lines are not repeated where they are too long."""
    opening, closing, code = fence_parts(lines)
    if len(opening) + len(closing) > limit // 2:
        mark = "```" if "```" not in "\n".join(code) else "~~~~"
        opening, closing, code = mark, mark, lines
        if any(line.strip().startswith(mark) for line in code):
            yield from split_lines(lines, limit)
            return
    room = limit - len(opening) - len(closing) - 2
    for piece in split_lines(code, room):
        yield f"{opening}\n{piece}\n{closing}"


def fence_parts(lines: list[str]) -> tuple[str, str, list[str]]:
    """A fence's opening line, its closing line (made where it is not written) and the code between them."""
    opening = lines[0]
    match = FENCE_OPEN.match(opening)
    mark = match.group(1) if match else "```"
    prefix = opening[: match.start(1)] if match else ""
    closing = prefix if prefix.lstrip().startswith(">") else " " * len(prefix)
    code = lines[1:]
    if code and code[-1].lstrip("> \t").rstrip().startswith(mark) and not code[-1].strip("> \t" + mark[0]):
        return opening, code[-1], code[:-1]
    return opening, closing + mark, code


def split_table(lines: list[str], limit: int) -> Iterator[str]:
    """A table at its rows, its header repeated in each piece where it leaves room."""
    header = "\n".join(lines[:2])
    room = limit - len(header) - 1
    if len(header) > limit // 2:
        yield from split_lines(lines, limit)
        return
    pieces = list(split_lines(lines[2:], room))
    for piece in pieces:
        yield f"{header}\n{piece}"
    if not pieces:
        yield header


def character_boundary(text: str, cut: int, floor: int) -> int:
    """The last place at or before ``cut`` that is not inside a user-perceived character (a near form of UAX #29)."""
    lowest = max(floor + 1, cut - _MAX_CLUSTER)
    at = cut
    while at > lowest and _joined_at(text, at):
        at -= 1
    return at if at > lowest or not _joined_at(text, at) else cut


def _cut(text: str, start: int, hi: int) -> int:
    """Where to end the piece that starts at ``start`` and may reach ``hi``."""
    floor = start + (hi - start) // 2
    paragraph = text.rfind("\n\n", floor, hi)
    if paragraph > 0:
        return paragraph + 2
    sentence = max(_end_of(text, mark, floor, hi) for mark in _SENTENCE_ENDS)
    if sentence > 0:
        return sentence
    line = text.rfind("\n", floor, hi + 1)
    if line > 0:
        return line
    word = max(text.rfind(space, start + 1, hi + 1) for space in _SPACES)
    return word if word > 0 else character_boundary(text, hi, start)


def _end_of(text: str, mark: str, floor: int, hi: int) -> int:
    # A mark's own space may stand just behind the limit: it is not part of the piece.
    at = text.rfind(mark, floor, hi + len(mark) - 1) if len(mark) > 1 else text.rfind(mark, floor, hi)
    return at + 1 if at >= 0 else -1


def _skip_space(text: str, start: int) -> int:
    match = _NOT_SPACE.search(text, start)
    return match.start() if match else len(text)


def _joined(packed: list[str], separator: str) -> Iterator[str]:
    text = separator.join(packed)
    if text.strip():
        yield text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined_at(text: str, at: int) -> bool:
    """Whether the characters before and after ``at`` belong together."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        return False
    return (
        _ZERO_WIDTH_JOINER in {before, after}
        or unicodedata.category(after) in {"Mn", "Me", "Mc"}
        or _MODIFIERS[0] <= after <= _MODIFIERS[1]
        or (_is_regional(before) and _is_regional(after) and _odd_regionals(text, at))
    )


def _is_regional(character: str) -> bool:
    return _REGIONAL[0] <= character <= _REGIONAL[1]


def _odd_regionals(text: str, at: int) -> bool:
    count = 0
    while count < _MAX_CLUSTER and at - count > 0 and _is_regional(text[at - 1 - count]):
        count += 1
    return count % 2 == 1
