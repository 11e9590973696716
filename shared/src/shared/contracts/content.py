"""What a parsed page or file consists of: the shapes that travel from parser to worker to consumer."""

from __future__ import annotations

import msgspec


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a document that is embedded, indexed and found as one.

    Attributes:
        text: the text itself, without its headings.
        heading_path: titles from the document's root to the section, outermost first.
        hash: SHA-256 (hex) of :func:`shared.content.embedded_text`.
        occurrence: 0 for the first chunk of the document with this hash, 1 for the second, …
        page: 1-based page of a paged document.
        row: 1-based row of a table, its header not counted.
    """

    text: str
    heading_path: tuple[str, ...]
    hash: str
    occurrence: int = 0
    page: int | None = None
    row: int | None = None


class Column(msgspec.Struct, frozen=True):
    """A column of a table file; ``type`` is one of text, integer, number, boolean, datetime, other."""

    name: str
    type: str


class Parsed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a parser made of a page or file.

    Attributes:
        markdown: the content as Markdown (what ``GET /v1/documents/{id}/content`` serves).
        chunks: in reading order; the index is the chunk's ordinal.
        content_hash: SHA-256 (hex) of title and Markdown: equal hashes mean an unchanged document.
        title: the document's own title, or an empty string.
        language: ISO 639-1, where it is declared or could be told.
        links: absolute URLs as written, in order, without repetitions (pages only).
        canonical: the page's declared canonical URL, absolute (pages only).
        noindex: robots meta or X-Robots-Tag forbids indexing (pages only).
        nofollow: robots meta or X-Robots-Tag forbids following links (pages only).
        columns: of a table file.
        pages: of a paged document.
    """

    markdown: str
    chunks: list[Chunk]
    content_hash: str
    title: str = ""
    language: str | None = None
    links: list[str] = []
    canonical: str | None = None
    noindex: bool = False
    nofollow: bool = False
    columns: list[Column] = []
    pages: int | None = None
