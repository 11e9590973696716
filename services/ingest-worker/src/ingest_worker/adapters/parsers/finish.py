"""Putting a parser's result together: the same last steps for every kind of document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest_worker.adapters.parsers.language import detect_language
from ingest_worker.adapters.parsers.source import no_text
from ingest_worker.core.chunking import ChunkBuilder, chunk_markdown
from ingest_worker.core.text_cleaning import tidy
from shared.content import content_hash
from shared.contracts.content import Parsed

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest

_MAX_TITLE = 500


def clean_title(title: str) -> str:
    """A title as one line of bounded length."""
    return " ".join(tidy(title[: _MAX_TITLE * 4]).split())[:_MAX_TITLE].rstrip()


def from_markdown(request: ParseRequest, *, title: str, markdown: str, **more: Any) -> Parsed:
    """Chunk a document's Markdown along its headings.

    A page without any text is returned without chunks: its links may lead to some.

    Raises:
        WorkError: ``too_large`` (chunks), ``empty_content`` (of a file).
    """
    builder = ChunkBuilder(max_chunks=request.limits.max_chunks)
    for path, text in chunk_markdown(markdown, limit=request.chunk_characters, root=title):
        builder.add(path, text)
    return finished(builder, title=title, markdown=markdown, page=bool(request.url), **more)


def finished(
    builder: ChunkBuilder,
    *,
    title: str,
    markdown: str,
    language: str | None = None,
    page: bool = False,
    **more: Any,
) -> Parsed:
    """The result, with its hash, and its language told where it is not declared.

    Raises:
        WorkError: ``empty_content``: there is no chunk, and the document is no page whose links still count.
    """
    if not builder.chunks and not page:
        raise no_text("The document")
    return Parsed(
        markdown=markdown,
        chunks=builder.chunks,
        content_hash=content_hash(title, markdown),
        title=title,
        language=language or detect_language(markdown),
        **more,
    )
