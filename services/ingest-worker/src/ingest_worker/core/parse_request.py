"""What a parser is asked for: the request that travels to a parser process, and the limits it works under."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - msgspec reads the annotations of what it decodes

from shared.content_types import DocumentType  # noqa: TC001 - likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserLimits:
    """How much a parser takes before it says ``too_large``.

    Attributes:
        max_links: links kept of one page, in document order; the rest are dropped.
        max_chunks: chunks of one document.
        max_pages: pages of a paged document.
        max_table_rows: rows of a table file, all its sheets together.
        max_table_columns: columns of a table.
        max_unpacked_bytes: what the members of an Office file may unpack to, in all.
        max_unpack_ratio: unpacked to packed size, checked above ``unpack_ratio_floor_bytes``.
        unpack_ratio_floor_bytes: below this unpacked size the ratio does not matter.
        max_table_markdown_characters: of a table's Markdown rendering; its chunks hold all rows regardless.
    """

    max_links: int = 5_000
    max_chunks: int = 300_000
    max_pages: int = 10_000
    max_table_rows: int = 1_000_000
    max_table_columns: int = 2_000
    max_unpacked_bytes: int = 1 << 30
    max_unpack_ratio: int = 200
    unpack_ratio_floor_bytes: int = 64 << 20
    max_table_markdown_characters: int = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRequest:
    """A document to be parsed: its bytes, or the path of a file that holds them.

    Attributes:
        kind: which parser.
        body: the bytes of a page.
        path: the file, where the bytes are not given.
        url: the page's final URL: what relative links are resolved against.
        filename: the upload's name: the title of a document that has none of its own.
        title: a title given by a person; it goes before the document's own.
        content_type_charset: the ``charset`` parameter of the Content-Type header.
        x_robots_tag: the X-Robots-Tag headers, one a line.
        chunk_characters: the longest text of a chunk.
        limits: what is too much.
    """

    kind: DocumentType
    body: bytes | None = None
    path: Path | None = None
    url: str | None = None
    filename: str | None = None
    title: str | None = None
    content_type_charset: str | None = None
    x_robots_tag: str | None = None
    chunk_characters: int = 1_000
    limits: ParserLimits = field(default_factory=ParserLimits)

    def name(self) -> str:
        """The title that a file without one gets: the person's, else the file's name without its suffix."""
        if self.title:
            return self.title
        base = (self.filename or "").replace("\\", "/").rpartition("/")[2]
        stem = base.rpartition(".")[0]
        return " ".join((stem or base).split())
