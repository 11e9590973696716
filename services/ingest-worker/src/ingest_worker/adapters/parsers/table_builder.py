"""Collecting a table file, sheet by sheet and row by row: chunks of all rows, a bounded Markdown, columns with types."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ingest_worker.adapters.parsers.finish import clean_title, finished
from ingest_worker.adapters.parsers.source import too_large
from ingest_worker.core.chunking import ChunkBuilder
from ingest_worker.core.tables import (
    ColumnTypes,
    cell_text,
    group_rows,
    header_names,
    markdown_row,
    row_parts,
    row_texts,
)
from shared.contracts.content import Column, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ingest_worker.core.parse_request import ParseRequest


class TableBuilder:
    """Takes sheets and makes a :class:`Parsed` of them, holding no more of a sheet than its chunks.

    The Markdown shows rows up to a limit; where rows are left out, its last line has the SHA-256 of the whole table, so
    that the document's content hash changes with every row.
    """

    def __init__(self, request: ParseRequest) -> None:
        self._request = request
        self._limits = request.limits
        self._title = clean_title(request.name())
        self._builder = ChunkBuilder(max_chunks=request.limits.max_chunks)
        self._columns: dict[str, str] = {}
        self._markdown: list[str] = []
        self._characters = 0
        self._rows = 0
        self._left_out = 0
        self._digest = hashlib.sha256()

    def add_sheet(
        self, rows: Iterable[Sequence[Any]], *, name: str = "", types: Sequence[str] | None = None
    ) -> None:
        """Add a sheet; its first row that is not empty is its header.

        Args:
            rows: of cell values.
            name: the sheet's name, where the file has several.
            types: the columns' types, where the file declares them; else they are told from the values.

        Raises:
            WorkError: ``too_large``: rows, columns or chunks.
        """
        path = tuple(part for part in (self._title, clean_title(name)) if part)
        iterator = iter(rows)
        header = next((cells for row in iterator if any(cells := _texts(row))), None)
        if header is None:
            return
        self._check_width(len(header))
        names = header_names(header)
        learned = ColumnTypes(len(names))
        if name:
            self._show(f"## {clean_title(name)}\n")
        self._show(markdown_row(names, len(names)))
        self._show(markdown_row(["---"] * len(names), len(names)))
        before = self._rows
        texts = self._row_texts(iterator, names, learned)
        for row, text in group_rows(texts, self._request.chunk_characters):
            self._builder.add(path, text, row=row)
        if self._rows == before:  # a header, or a single row, is all there is
            for text in row_texts([cell for cell in header if cell], self._request.chunk_characters):
                self._builder.add(path, text)
        self._show("")
        self._remember(names, types or learned.result())

    def result(self) -> Parsed:
        """The parsed file.

        Raises:
            WorkError: ``empty_content``: no row holds anything.
        """
        if self._left_out:
            self._markdown.append(
                f"*… and {self._left_out:,} more rows (SHA-256 {self._digest.hexdigest()})*"
            )
        columns = [Column(name=name, type=kind) for name, kind in self._columns.items()]
        return finished(
            self._builder, title=self._title, markdown="\n".join(self._markdown).strip(), columns=columns
        )

    def _row_texts(
        self, rows: Iterator[Sequence[Any]], names: Sequence[str], learned: ColumnTypes
    ) -> Iterator[tuple[int, list[str]]]:
        limit = self._request.chunk_characters
        for number, row in enumerate(rows, start=1):
            cells = _texts(row)
            if not any(cells):
                continue
            self._count(len(cells))
            learned.see(row)
            self._show_row(cells, len(names))
            yield number, row_texts(row_parts(names, cells), limit)

    def _count(self, width: int) -> None:
        self._rows += 1
        self._check_width(width)
        if self._rows > self._limits.max_table_rows:
            raise too_large(
                f"The table has more than {self._limits.max_table_rows:,} rows. Split it into several files."
            )

    def _check_width(self, width: int) -> None:
        if width > self._limits.max_table_columns:
            raise too_large(
                f"The table has {width:,} columns; {self._limits.max_table_columns:,} are allowed."
            )

    def _show(self, line: str) -> None:
        self._markdown.append(line)
        self._characters += len(line) + 1

    def _show_row(self, cells: Sequence[str], width: int) -> None:
        self._digest.update("\x1f".join(cells).encode() + b"\x1e")
        if self._left_out or self._characters > self._limits.max_table_markdown_characters:
            self._left_out += 1
        else:
            self._show(markdown_row(cells, max(width, 1)))

    def _remember(self, names: Sequence[str], types: Sequence[str]) -> None:
        for name, kind in zip(names, types, strict=True):
            if name:
                known = self._columns.get(name, kind)
                self._columns[name] = kind if known == kind else "text"


def _texts(row: Sequence[Any]) -> list[str]:
    return [cell_text(value) for value in row]
