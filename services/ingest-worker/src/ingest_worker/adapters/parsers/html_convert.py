"""HTML that is to be kept as Markdown: html-to-markdown, and a plain walk where that would lose text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from html_to_markdown import ConversionOptions, PreprocessingOptions, convert

from ingest_worker.core.text_cleaning import tidy

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_DEPTH = 200
"""Elements inside each other. Deeper, the converter's nested lists grow with the square, and beyond 1,024 it drops text."""

_LOST_SHARE = 0.7  # of the visible characters that must come out again
_OPTIONS = ConversionOptions(
    skip_images=True,
    extract_metadata=False,
    compact_tables=True,
    hidden_content="reachable",
    preprocessing=PreprocessingOptions(enabled=False),  # it drops every header, with the title in it
)
_BLOCK = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "table",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "figure",
        "figcaption",
        "details",
        "summary",
        "hr",
        "center",
        "form",
        "fieldset",
        "address",
        "header",
        "footer",
        "aside",
        "nav",
        "tr",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "br",
    ]
)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def to_markdown(node: LexborNode, *, characters: int, depth: int) -> str:
    """Convert a subtree.

    Args:
        node: what is to be kept.
        characters: visible characters in it.
        depth: of the page; above :data:`MAX_DEPTH` only its text, headings and code are kept.
    """
    if depth <= MAX_DEPTH:
        html = node.inner_html if node.tag == "td" else node.html  # a cell without its table is no HTML
        markdown = tidy(convert(html or "", _OPTIONS).content or "").strip()
        if len(markdown) >= _LOST_SHARE * characters:
            return markdown
    return tidy(_walk(node)).strip()


def html_to_markdown(html: str) -> str:
    """Convert HTML that another parser made."""
    return tidy(convert(html, _OPTIONS).content or "").strip()


def _walk(root: LexborNode) -> str:
    """The text of a subtree, block elements on lines of their own, in linear time and without recursion."""
    out: list[str] = []
    for node in root.traverse(include_text=True):
        if node.is_text_node:
            parent = node.parent
            text = node.text_content or ""
            verbatim = parent is not None and parent.tag in {"pre", "code"}
            out.append(text if verbatim else " ".join(text.split()) + (" " if text[-1:].isspace() else ""))
        elif node.tag in _BLOCK:
            level = node.tag[1] if node.tag and node.tag[0] == "h" and node.tag[1:].isdigit() else ""
            out.append("\n\n" + "#" * int(level) + " " if level else "\n\n")
        elif node.tag in {"td", "th"}:
            out.append(" | ")
    return _BLANK_LINES.sub("\n\n", "".join(out))
