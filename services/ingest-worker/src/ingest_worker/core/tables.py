"""Rows and columns as text: header names, column types, the text of a row, the chunks of a table."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ingest_worker.core.chunking_split import split_text
from ingest_worker.core.text_cleaning import tidy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_CELL = 1_000_000
"""Characters kept of one cell."""

MAX_COLUMN_NAME = 100

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d{1,3})?")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_TYPES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool,), "boolean"),  # before integers: a bool is one
    ((int,), "integer"),
    ((Decimal,), "number"),
    ((date, datetime, time, timedelta), "datetime"),
)
_BOOLEAN = frozenset({"true", "false"})


def cell_text(value: Any) -> str:
    """A cell's value as one line of text: dates in ISO 8601 with a space, whole floats without ``.0``, nested as JSON."""
    if value is None or isinstance(value, (bytes, bytearray)):
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, float):
        return _float_text(value)
    elif isinstance(value, datetime):
        return value.isoformat(sep=" ")
    elif isinstance(value, (dict, list, tuple)):
        text = json.dumps(value, ensure_ascii=False, default=cell_text)
    else:
        text = str(value)
    return " ".join(tidy(text[:MAX_CELL]).split())


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ""
    if value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - beyond, a float does not hold every whole number
        return str(int(value))
    return repr(value)


def header_names(cells: Sequence[str]) -> list[str]:
    """The names of the columns: blank headers stay blank (they name no column), repeated ones are numbered."""
    names: list[str] = []
    taken: set[str] = {cell for cell in cells if cell}
    seen: set[str] = set()
    for cell in cells:
        name = cell[:MAX_COLUMN_NAME]
        number = 2
        while name and name in seen:
            name = f"{cell[:MAX_COLUMN_NAME]} ({number})"
            number += 1
            if name in taken and name not in seen:
                seen.add(name)  # a later column has this name of its own
        seen.add(name)
        names.append(name)
    return names


def type_of(value: Any) -> str | None:
    """The type of one value, as in :class:`shared.contracts.content.Column`; None for an empty cell."""
    if isinstance(value, str):
        return _type_of_text(value) if value else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return next((name for kinds, name in _TYPES if isinstance(value, kinds)), "other")


def _type_of_text(text: str) -> str:
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return "integer"
    if _NUMBER.fullmatch(text) and (text[:1] != "0" or text.startswith("0.")):  # 007 is a name
        return "number"
    if text.lower() in _BOOLEAN:
        return "boolean"
    return "datetime" if _DATETIME.fullmatch(text) else "text"


class ColumnTypes:
    """Learns the types of a table's columns row by row; a column that holds several kinds is text."""

    def __init__(self, width: int) -> None:
        self._types: list[str | None] = [None] * width

    def see(self, values: Sequence[Any]) -> None:
        """Take one row into account."""
        types = self._types
        for index, value in enumerate(values[: len(types)]):
            known = types[index]
            if known == "text":
                continue
            found = type_of(value)
            if found is not None and found != known:
                types[index] = found if known is None else _merged(known, found)

    def result(self) -> list[str]:
        """One type for each column; ``text`` for those without any value."""
        return [found or "text" for found in self._types]


def _merged(one: str, other: str) -> str:
    return "number" if {one, other} == {"integer", "number"} else "text"


def row_parts(names: Sequence[str], cells: Sequence[str]) -> list[str]:
    """A row's cells as ``Column: value``; empty cells are left out, those without a column stand alone."""
    return [
        f"{names[index]}: {cell}" if index < len(names) and names[index] else cell
        for index, cell in enumerate(cells)
        if cell
    ]


def row_texts(parts: Sequence[str], limit: int) -> list[str]:
    """A row as text; one that is longer than ``limit`` is cut between its cells, a long cell at its words."""
    text = "; ".join(parts)
    if len(text) <= limit:
        return [text] if text else []
    pieces: list[str] = []
    packed = ""
    for part in parts:
        joined = f"{packed}; {part}" if packed else part
        if len(joined) <= limit:
            packed = joined
            continue
        pieces += [packed] if packed else []
        *full, packed = split_text(part, limit) if len(part) > limit else (part,)
        pieces += full
    return [*pieces, packed]


def group_rows(rows: Iterable[tuple[int, list[str]]], limit: int) -> Iterator[tuple[int, str]]:
    """Pack consecutive rows into chunks of at most ``limit`` characters.

    Args:
        rows: 1-based row numbers, and each row's pieces of text (:func:`row_texts`).
        limit: characters of a chunk.

    Yields:
        The first row's number and the text, one row a line.
    """
    packed: list[str] = []
    size = first = 0
    for number, pieces in rows:
        for piece in pieces:
            if packed and (size + 1 + len(piece) > limit or len(pieces) > 1):
                yield first, "\n".join(packed)
                packed, size = [], 0
            if not packed:
                first = number
            size += len(piece) + (1 if packed else 0)
            packed.append(piece)
    if packed:
        yield first, "\n".join(packed)


def markdown_row(cells: Sequence[str], width: int) -> str:
    """A row of a Markdown table, filled or cut to ``width`` cells."""
    filled = [*cells[:width], *[""] * (width - len(cells))]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in filled) + " |"
