from __future__ import annotations

import time

import pytest

from ingest_worker.core.manifests import looks_like_manifest, manifest_links

BASE = "https://example.com/llms.txt"


def links(text: str, limit: int = 100) -> list[str]:
    return [link.href for link in manifest_links(text, BASE, limit=limit)]


def test_links_in_order_once_each() -> None:
    text = """# Example

> A [summary](/summary.md "of it") of https://example.com/all.

## Docs

- [Start](https://example.com/start.md): begin here
- [Start again](start.md#top)
- [Relative](guide/a.md)
- [Angled](<guide/b.md>)
- [With (parens)](https://example.com/a_(b).md)
- <https://example.com/auto>
- [ref]

[ref]: https://example.com/ref.md
"""
    assert links(text) == [
        "https://example.com/summary.md",
        "https://example.com/all",
        "https://example.com/start.md",
        "https://example.com/guide/a.md",
        "https://example.com/guide/b.md",
        "https://example.com/a_(b).md",
        "https://example.com/auto",
        "https://example.com/ref.md",
    ]


@pytest.mark.parametrize(
    "text",
    ["", "no links", "[a](#top)", "[a](mailto:x@example.com)", "[a]()", "https://", "[a](javascript:x)"],
)
def test_what_leads_nowhere(text: str) -> None:
    assert links(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.com/a.", "https://example.com/a"),
        ("(https://example.com/a)", "https://example.com/a"),
        ("https://example.com/a?b=1&c=2, and", "https://example.com/a?b=1&c=2"),
        ("**https://example.com/a**", "https://example.com/a"),
        ("`https://example.com/a`", "https://example.com/a"),
        ('"https://example.com/a"', "https://example.com/a"),
        ("https://example.com/wiki/A_(b)", "https://example.com/wiki/A_(b)"),
    ],
)
def test_bare_addresses_end_where_the_sentence_goes_on(text: str, expected: str) -> None:
    assert links(text) == [expected]


def test_there_is_a_limit() -> None:
    text = "\n".join(f"- [p](https://example.com/{n})" for n in range(50))
    assert len(links(text, limit=7)) == 7


@pytest.mark.parametrize(
    "piece", ["](", "[a](", "https://", "](a(b", "[" * 10, "((((", "https://a(b", "[a]: "]
)
def test_hostile_text_takes_no_longer(piece: str) -> None:
    before = time.process_time()
    links(piece * (100_000 // len(piece)))
    assert time.process_time() - before < 3


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain", "# Title", True),
        ("text/markdown", "# Title", True),
        ("", "# Title", True),
        ("text/html", "# Title", False),
        ("text/plain", "<!DOCTYPE html><html>", False),
        ("text/plain", "\ufeff\n<html lang=en>", False),
        ("text/plain", " \n", False),
    ],
)
def test_the_page_for_any_address_is_no_manifest(content_type: str, body: str, *, expected: bool) -> None:
    assert looks_like_manifest(content_type, body) is expected
