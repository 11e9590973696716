from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.core.sitemap import InvalidSitemapError, SitemapEntry, parse_lastmod, parse_sitemap

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*locations: str) -> str:
    return f"{HEAD}<urlset {XMLNS}>{''.join(f'<url><loc>{loc}</loc></url>' for loc in locations)}</urlset>"


def pages(body: bytes | str, max_urls: int = 1000) -> list[str]:
    data = body.encode() if isinstance(body, str) else body
    return [entry.url for entry in parse_sitemap(data, max_urls=max_urls).pages]


def test_pages_in_order() -> None:
    assert pages(urlset("https://a.example/2", " https://a.example/1\n")) == [
        "https://a.example/2",
        "https://a.example/1",
    ]


def test_what_else_a_sitemap_says_is_left_aside() -> None:
    body = f"""{HEAD}<!-- c --><urlset {XMLNS} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
        <url><image:image><image:loc>https://a.example/i.png</image:loc></image:image>
             <priority>1</priority><lastmod>2026-01-31</lastmod>
             <loc><![CDATA[https://a.example/?a=1&b=2]]></loc></url>
        <url><priority>1</priority></url>
        <url><loc>https://a.example/?a=1&amp;b=2</loc></url></urlset>"""
    found = parse_sitemap(body.encode())
    assert found.pages == [
        SitemapEntry("https://a.example/?a=1&b=2", datetime(2026, 1, 31, tzinfo=UTC)),
        SitemapEntry("https://a.example/?a=1&b=2"),
    ]
    assert found.problem is None


@pytest.mark.parametrize("namespace", ["", 'xmlns="https://example.org/other"'])
def test_any_namespace_will_do(namespace: str) -> None:
    assert pages(f"<urlset {namespace}><url><loc>https://a.example/</loc></url></urlset>") == [
        "https://a.example/"
    ]


def test_an_index_lists_sitemaps() -> None:
    body = f"<sitemapindex {XMLNS}><sitemap><loc>https://a.example/1.xml.gz</loc></sitemap></sitemapindex>"
    found = parse_sitemap(body.encode())
    assert found.pages == []
    assert [entry.url for entry in found.sitemaps] == ["https://a.example/1.xml.gz"]


def test_packed_text_and_other_encodings() -> None:
    body = urlset("https://a.example/é")
    assert pages(gzip.compress(body.encode())) == ["https://a.example/é"]
    assert pages(b"\xef\xbb\xbf" + body.encode()) == ["https://a.example/é"]
    assert pages(body.replace("UTF-8", "UTF-16").encode("utf-16")) == ["https://a.example/é"]
    assert pages(body.replace("UTF-8", "ISO-8859-1").encode("latin-1")) == ["https://a.example/é"]
    assert pages("\ufeffhttps://a.example/1\r\nhttps://a.example/2\nnonsense\n") == [
        "https://a.example/1",
        "https://a.example/2",
    ]


def test_an_empty_list_is_a_list() -> None:
    found = parse_sitemap(urlset().encode())
    assert (found.pages, found.problem) == ([], None)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"", "no address"),
        (b"hello", "no address"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "document type"),
        (b"<!doctype html><html><body>Not found</body></html>", "broken"),
        (b"<html><body>Not found</body></html>", "it is a html"),
        (b"<urlset><url>", "broken"),
        (b"<", "broken"),
        (b"\x1f\x8bgarbage", "gzip"),
        (b"<a>" * 1000, "nested"),
    ],
)
def test_what_is_no_sitemap_is_refused_with_the_reason(body: bytes, hint: str) -> None:
    with pytest.raises(InvalidSitemapError, match=hint):
        parse_sitemap(body)


def test_what_came_before_the_damage_counts() -> None:
    found = parse_sitemap(urlset("https://a.example/1", "https://a.example/2").encode()[:-20])
    assert [entry.url for entry in found.pages] == ["https://a.example/1"]
    assert found.problem is not None
    assert "broken" in found.problem


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">',
        '<!ENTITY c SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://169.254.169.254/"> %p;',
    ],
)
def test_entities_are_not_expanded(declaration: str) -> None:
    body = f"{HEAD}<!DOCTYPE urlset [{declaration}]><urlset><url><loc>&c;</loc></url></urlset>"
    with pytest.raises(InvalidSitemapError, match="document type"):
        parse_sitemap(body.encode())


def test_limits() -> None:
    body = urlset(*(f"https://a.example/{n}" for n in range(10)))
    found = parse_sitemap(body.encode(), max_urls=3)
    assert len(found.pages) == 3
    assert found.problem == "it lists more than 3 addresses"
    cut = parse_sitemap(gzip.compress(body.encode()), max_bytes=300)
    assert 0 < len(cut.pages) < 10
    assert cut.problem is not None
    many = "\n".join(["https://a.example/"] * 5)
    assert len(pages(many, max_urls=2)) == 2


def test_a_bomb_is_cut() -> None:
    before = time.process_time()
    with pytest.raises(InvalidSitemapError):
        parse_sitemap(gzip.compress(b" " * 100_000_000), max_bytes=1_000_000)
    assert time.process_time() - before < 2


def test_a_long_address_is_no_address() -> None:
    body = urlset("https://a.example/" + "a" * 1_000_000, "https://a.example/1")
    assert pages(body) == ["https://a.example/1"]


@given(
    st.binary(max_size=300)
    | st.builds(lambda text: f"<urlset>{text}</urlset>".encode(), st.text(max_size=200))
)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        found = parse_sitemap(body)
    except InvalidSitemapError:
        return
    assert len(found.pages) <= len(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5+02:00", datetime(2026, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("31.1.2026", None),
        ("", None),
        (None, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_lastmod(text: str | None, expected: datetime | None) -> None:
    assert parse_lastmod(text) == expected
