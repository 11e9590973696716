from __future__ import annotations

import pytest

from ingest_worker.core.scope import CrawlScope, ScopeRules, suffix
from shared.patterns import InvalidPatternError
from shared.states import Reason
from shared.urls import parse_web_url

SITES = frozenset({"docs.example.com"})


def verdict(scope: CrawlScope, text: str, *, depth: int = 1, listed: bool = False) -> Reason | None:
    return ScopeRules(scope).verdict(parse_web_url(text), depth=depth, listed=listed)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://docs.example.com/a", None),
        ("http://docs.example.com/a", None),
        ("https://DOCS.example.com:443/a", None),
        ("https://docs.example.com:8443/a", Reason.SCOPE),
        ("https://example.com/a", Reason.SCOPE),
        ("https://www.docs.example.com/a", Reason.SCOPE),
        ("https://docs.example.com.evil.example/a", Reason.SCOPE),
    ],
)
def test_the_same_host(text: str, reason: Reason | None) -> None:
    assert verdict(CrawlScope(sites=SITES), text) is reason


def test_other_hosts_when_wanted() -> None:
    assert verdict(CrawlScope(sites=SITES, same_host=False), "https://example.org/a") is None


def test_the_scope_moves_with_the_site() -> None:
    moved = CrawlScope(sites=frozenset({"www.example.com"}))
    assert verdict(moved, "https://www.example.com/a") is None
    assert verdict(moved, "https://example.com/a") is Reason.SCOPE


@pytest.mark.parametrize(
    ("prefix", "path", "reason"),
    [
        ("/docs/", "/docs/a", None),
        ("/docs/", "/docs/%61", None),
        ("docs/", "/docs/a", None),
        ("/docs/", "/docs", Reason.SCOPE),
        ("/docs/", "/docs-old/a", Reason.SCOPE),
        ("/docs", "/docs-old/a", None),
        ("/docs/", "/Docs/a", Reason.SCOPE),
        ("/docs/", "/docs/../secret", Reason.SCOPE),
        ("", "/anything", None),
    ],
)
def test_the_path_prefix(prefix: str, path: str, reason: Reason | None) -> None:
    scope = CrawlScope(sites=SITES, path_prefix=prefix)
    assert verdict(scope, f"https://docs.example.com{path}") is reason


@pytest.mark.parametrize(
    ("include", "exclude", "path", "reason"),
    [
        ((), (), "/a", None),
        (("/docs/", "/guide/"), (), "/guide/a", None),
        (("/docs/", "/guide/"), (), "/blog/a", Reason.PATTERN),
        ((), ("/private", r"\?print="), "/a?print=1", Reason.PATTERN),
        ((), ("/private", r"\?print="), "/a?page=1", None),
        (("/docs/",), ("/docs/old",), "/docs/old/a", Reason.PATTERN),
        (("/docs/",), ("/docs/old",), "/docs/new/a", None),
    ],
)
def test_patterns(
    include: tuple[str, ...], exclude: tuple[str, ...], path: str, reason: Reason | None
) -> None:
    scope = CrawlScope(sites=SITES, include=include, exclude=exclude)
    assert verdict(scope, f"https://docs.example.com{path}") is reason


def test_all_spellings_of_a_page_share_one_fate() -> None:
    scope = CrawlScope(sites=SITES, exclude=("/~user",))
    for path in ("/~user/a", "/%7Euser/a", "/x/../~user/a?utm_source=b"):
        assert verdict(scope, f"https://docs.example.com{path}") is Reason.PATTERN


def test_a_pattern_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(InvalidPatternError):
        ScopeRules(CrawlScope(sites=SITES, include=("(",)))


@pytest.mark.parametrize(
    "name", ["a.png", "a.JPG", "a.tar.gz", "app.js", "font.woff2", "video.mp4", "lib.so"]
)
def test_files_without_text_are_not_followed(name: str) -> None:
    assert verdict(CrawlScope(sites=SITES), f"https://docs.example.com/x/{name}?v=1") is Reason.TYPE


@pytest.mark.parametrize(
    "path",
    ["/a.html", "/a.pdf", "/a.docx", "/data.csv", "/a.md", "/v1.2/", "/v1.2", "/png", "/x.png/", "/.js.x"],
)
def test_what_may_be_readable_is_followed(path: str) -> None:
    assert verdict(CrawlScope(sites=SITES), f"https://docs.example.com{path}") is None


@pytest.mark.parametrize(
    ("max_depth", "depth", "listed", "reason"),
    [
        (2, 2, False, None),
        (2, 3, False, Reason.DEPTH),
        (0, 1, False, Reason.DEPTH),
        (0, 1, True, None),
        (2, 3, True, None),
        (2, 4, True, Reason.DEPTH),
    ],
)
def test_depth(max_depth: int, depth: int, *, listed: bool, reason: Reason | None) -> None:
    scope = CrawlScope(sites=SITES, max_depth=max_depth)
    assert verdict(scope, "https://docs.example.com/a", depth=depth, listed=listed) is reason


def test_the_first_reason_is_the_one_that_no_setting_of_depth_changes() -> None:
    scope = CrawlScope(sites=SITES, exclude=("/a",), max_depth=0)
    assert verdict(scope, "https://example.com/a.png", depth=9) is Reason.SCOPE
    assert verdict(scope, "https://docs.example.com/a.png", depth=9) is Reason.PATTERN
    assert verdict(scope, "https://docs.example.com/b.png", depth=9) is Reason.TYPE


@pytest.mark.parametrize(
    ("path", "expected"), [("/a.B", "b"), ("/a/b", ""), ("/a.b/c", ""), ("/a.", ""), ("/a.notasuffix", "")]
)
def test_suffixes(path: str, expected: str) -> None:
    assert suffix(path) == expected
