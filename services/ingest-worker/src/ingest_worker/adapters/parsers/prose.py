"""Markdown and plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest_worker.adapters.parsers.charset import decode
from ingest_worker.adapters.parsers.finish import clean_title, finished, from_markdown
from ingest_worker.adapters.parsers.source import corrupt, read_all
from ingest_worker.core.chunking import ChunkBuilder, chunk_text
from ingest_worker.core.html_directives import absolute_links, language_code, robots_directives
from ingest_worker.core.markdown_blocks import Kind, scan
from ingest_worker.core.markdown_inline import (
    front_matter_language,
    front_matter_title,
    link_targets,
    plain_title,
    split_front_matter,
)
from ingest_worker.core.text_cleaning import tidy
from shared.content_types import HEAD_BYTES, looks_like_text

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_TITLE_CHARACTERS = 20_000
_LINK_CHARACTERS = 5_000_000


def parse_markdown(request: ParseRequest) -> Parsed:
    """Parse Markdown; of a page (llms.txt among them) also its links.

    Raises:
        WorkError: ``empty_content``, ``corrupt_file`` (no text), ``too_large``.
    """
    front_matter, markdown = split_front_matter(_text(request, "Markdown"))
    noindex, nofollow = robots_directives(request.x_robots_tag or "")
    return from_markdown(
        request,
        title=clean_title(
            request.title or front_matter_title(front_matter) or _heading(markdown) or request.name()
        ),
        markdown=markdown.strip(),
        language=language_code(front_matter_language(front_matter)),
        links=_links(markdown, request),
        noindex=noindex,
        nofollow=nofollow,
    )


def parse_text(request: ParseRequest) -> Parsed:
    """Parse plain text: paragraphs, no headings; its name stands for a title.

    Raises:
        WorkError: ``empty_content``, ``corrupt_file`` (no text), ``too_large``.
    """
    text = _text(request, "text").strip()
    title = clean_title(request.name())
    builder = ChunkBuilder(max_chunks=request.limits.max_chunks)
    for piece in chunk_text(text, limit=request.chunk_characters):
        builder.add((title,) if title else (), piece)
    noindex, nofollow = robots_directives(request.x_robots_tag or "")
    return finished(builder, title=title, markdown=text, noindex=noindex, nofollow=nofollow)


def _text(request: ParseRequest, what: str) -> str:
    data = read_all(request)
    if not looks_like_text(data[:HEAD_BYTES]):
        raise corrupt(what, "it holds bytes that no text has")
    return tidy(decode(data, declared=request.content_type_charset))


def _heading(markdown: str) -> str:
    """The first heading, where it is one of level 1."""
    for block in scan(markdown[:_TITLE_CHARACTERS]):
        if block.kind is Kind.HEADING:
            return plain_title(block.lines[0]) if block.level == 1 else ""
    return ""


def _links(markdown: str, request: ParseRequest) -> list[str]:
    if not request.url:
        return []
    return absolute_links(
        link_targets(markdown[:_LINK_CHARACTERS]), request.url, limit=request.limits.max_links
    )
