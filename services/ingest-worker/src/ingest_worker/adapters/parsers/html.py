"""HTML pages and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from ingest_worker.adapters.parsers.charset import decode
from ingest_worker.adapters.parsers.finish import clean_title, from_markdown
from ingest_worker.adapters.parsers.html_convert import to_markdown
from ingest_worker.adapters.parsers.html_page import read_page
from ingest_worker.adapters.parsers.html_prune import prune
from ingest_worker.adapters.parsers.source import no_text, read_all

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed


def parse(request: ParseRequest) -> Parsed:
    """Parse an HTML page: what it declares, its content as Markdown, its chunks.

    Raises:
        WorkError: ``empty_content``, ``too_large``.
    """
    tree = LexborHTMLParser(decode(read_all(request), declared=request.content_type_charset, html=True))
    page = read_page(
        tree,
        url=request.url,
        x_robots_tag=request.x_robots_tag or "",
        max_links=request.limits.max_links,
        fallback=request.name(),
    )
    if tree.body is None:
        raise no_text("The page")
    content = prune(tree.body)
    return from_markdown(
        request,
        title=clean_title(request.title or page.title),
        markdown=to_markdown(content.node, characters=content.characters, depth=content.depth),
        language=page.language,
        links=page.links,
        canonical=page.canonical,
        noindex=page.noindex,
        nofollow=page.nofollow,
    )
