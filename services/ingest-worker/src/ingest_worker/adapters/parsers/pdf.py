"""PDF, by PDFium: text page by page, the heading path from the document's outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pypdfium2

from ingest_worker.adapters.parsers.finish import clean_title, finished
from ingest_worker.adapters.parsers.source import corrupt, encrypted, read_head, too_large
from ingest_worker.core.chunking import ChunkBuilder, chunk_text
from ingest_worker.core.paged_text import Entry, OutlinePath, drop_running_lines, parts_of
from ingest_worker.core.text_cleaning import join_soft_hyphens, tidy
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_MAX_ENTRIES = 20_000
_MAX_OUTLINE_DEPTH = 6
_HEAD_BYTES = 1024
_MAX_HEADING = 200
_MARKDOWN_LEVELS = 6
_NO_TITLE = ("untitled", "microsoft word", "microsoft powerpoint", "slide 1", "title")


def parse(request: ParseRequest) -> Parsed:
    """Parse a PDF.

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``empty_content`` (a scan), ``too_large`` (pages, chunks).
    """
    if b"%PDF-" not in read_head(request)[:_HEAD_BYTES]:
        raise corrupt("PDF")
    document = _open(request)
    try:
        pages = _pages(document, request.limits.max_pages)
        outline = _outline(document, len(pages))
        title = clean_title(request.title or _title(document) or request.name())
    finally:
        document.close()
    if not any(page.strip() for page in pages):
        raise WorkError(
            ErrorCode.EMPTY_CONTENT,
            "The PDF contains no text, only images (a scan). Run it through OCR first, and upload the result.",
            retryable=False,
        )
    kept = drop_running_lines(pages)
    if not any(page.strip() for page in kept):  # pages of one line each, all alike: these are what it says
        kept = pages
    return _chunked(request, title, kept, outline)


def _open(request: ParseRequest) -> Any:
    try:
        return pypdfium2.PdfDocument(request.path if request.path is not None else request.body)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise encrypted("PDF") from error
        raise corrupt("PDF") from error


def _pages(document: Any, max_pages: int) -> list[str]:
    """The text of each page; one page is open at a time, so memory follows the text and not the file."""
    count = len(document)
    if count > max_pages:
        raise too_large(
            f"The PDF has {count:,} pages; {max_pages:,} are allowed. Split it into several files."
        )
    if count == 0:
        raise corrupt("PDF", "it has no pages")
    pages = []
    failed = 0
    for index in range(count):
        try:
            pages.append(_page_text(document, index))
        except pypdfium2.PdfiumError:  # one damaged page does not cost the others
            pages.append("")
            failed += 1
    if failed == count:
        raise corrupt("PDF", "no page can be opened")
    return pages


def _page_text(document: Any, index: int) -> str:
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            return tidy(join_soft_hyphens(text_page.get_text_bounded(errors="ignore")))
        finally:
            text_page.close()
    finally:
        page.close()


def _outline(document: Any, pages: int) -> dict[int, list[Entry]]:
    """The outline's entries by page."""
    found: dict[int, list[Entry]] = {}
    for number, bookmark in enumerate(document.get_toc(max_depth=_MAX_OUTLINE_DEPTH)):
        if number >= _MAX_ENTRIES:
            break
        destination = bookmark.get_dest()
        index = destination.get_index() if destination else None
        title = " ".join(tidy(bookmark.get_title()).split())[:_MAX_HEADING]
        if index is not None and 0 <= index < pages and title:
            found.setdefault(index, []).append(Entry(title=title, level=bookmark.level, page=index))
    return found


def _title(document: Any) -> str:
    title = " ".join(str(document.get_metadata_value("Title")).split())
    return "" if title.lower().startswith(_NO_TITLE) else title


def _chunked(
    request: ParseRequest, title: str, pages: Sequence[str], outline: dict[int, list[Entry]]
) -> Parsed:
    builder = ChunkBuilder(max_chunks=request.limits.max_chunks)
    path = OutlinePath(title)
    markdown: list[str] = []
    for index, page in enumerate(pages):
        for part in parts_of(page, outline.get(index, ())):
            if part.entry is not None:
                path.enter(part.entry)
                markdown.append("#" * min(part.entry.level + 2, _MARKDOWN_LEVELS) + " " + part.entry.title)
            if part.text:
                markdown.append(part.text)
            for text in chunk_text(part.text, limit=request.chunk_characters):
                builder.add(path.titles(), text, page=index + 1)
    return finished(builder, title=title, markdown="\n\n".join(markdown), pages=len(pages))
