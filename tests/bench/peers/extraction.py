"""The same calls of the same libraries with which Quern makes Markdown of a page, without anything around them."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from ingest_worker.adapters.parsers.charset import decode
from ingest_worker.adapters.parsers.html_convert import to_markdown
from ingest_worker.adapters.parsers.html_prune import prune


def markdown_of(body: bytes) -> str:
    """A page's content as Markdown; empty where it has none."""
    tree = LexborHTMLParser(decode(body, html=True))
    if tree.body is None:
        return ""
    content = prune(tree.body)
    return to_markdown(content.node, characters=content.characters, depth=content.depth)
