"""Reading what a page declares: title, language, canonical URL, robots rules, links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest_worker.core.html_directives import (
    ROBOT_NAMES,
    absolute_links,
    absolute_url,
    choose_title,
    language_code,
    robots_directives,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborHTMLParser, LexborNode

_MAX_H1 = 20
_MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says about itself, and where it leads."""

    title: str
    language: str | None
    canonical: str | None
    noindex: bool
    nofollow: bool
    links: list[str]


def read_page(
    tree: LexborHTMLParser, *, url: str | None, x_robots_tag: str, max_links: int, fallback: str
) -> Page:
    """Read a page's declarations; the tree is not changed.

    Args:
        tree: the whole page.
        url: its final URL; without one there are no links to tell.
        x_robots_tag: X-Robots-Tag headers, one a line.
        max_links: links kept.
        fallback: the title of a page that has none.
    """
    base = _base(tree, url)
    robots = [
        node.attributes.get("content") or "" for node in tree.css("meta[name][content]") if _is_robots(node)
    ]
    noindex, nofollow = robots_directives(*robots, x_robots_tag)
    canonical = tree.css_first("link[rel~=canonical][href]")
    return Page(
        title=_title(tree, fallback),
        language=_language(tree),
        canonical=absolute_url(canonical.attributes.get("href") or "", base) if canonical and base else None,
        noindex=noindex,
        nofollow=nofollow,
        links=absolute_links(_hrefs(tree), base, limit=max_links) if base else [],
    )


def _base(tree: LexborHTMLParser, url: str | None) -> str:
    node = tree.css_first("base[href]")
    if node is None:
        return url or ""
    return absolute_url(node.attributes.get("href") or "", url or "") or url or ""


def _is_robots(node: LexborNode) -> bool:
    return (node.attributes.get("name") or "").strip().lower() in ROBOT_NAMES


def _hrefs(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("a[href],area[href]"):
        attributes = node.attributes
        href = attributes.get("href")
        rel = attributes.get("rel")
        if href and not (rel and "nofollow" in rel.lower().split()):
            yield href


def _title(tree: LexborHTMLParser, fallback: str) -> str:
    node = tree.css_first("head > title") or tree.css_first("title")
    headings = (_words(heading).rstrip("¶# ") for heading in tree.css("h1")[:_MAX_H1])
    return choose_title(_words(node) if node else "", headings, fallback or _og_title(tree))


def _og_title(tree: LexborHTMLParser) -> str:
    node = tree.css_first('meta[property="og:title"][content]')
    return (node.attributes.get("content") or "").strip() if node else ""


def _words(node: LexborNode) -> str:
    return " ".join(node.text()[:_MAX_TEXT].split())


def _language(tree: LexborHTMLParser) -> str | None:
    root = tree.root
    attributes = root.attributes if root is not None else {}
    declared = attributes.get("lang") or attributes.get("xml:lang")
    if not declared:
        node = tree.css_first('meta[http-equiv="content-language" i][content]')
        declared = node.attributes.get("content") if node else None
    return language_code(declared)
