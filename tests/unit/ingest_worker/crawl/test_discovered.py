from __future__ import annotations

from datetime import UTC, datetime

from ingest_worker.core.discovered import Discovered, Listing, judge
from ingest_worker.core.scope import CrawlScope, ScopeRules
from shared.states import Reason

BASE = "https://example.com/sitemap.xml"


def judged(
    *listings: Listing, max_depth: int = 2, max_links: int = 100, max_refused: int = 100
) -> Discovered:
    rules = ScopeRules(CrawlScope(sites=frozenset({"example.com"}), max_depth=max_depth, exclude=("/old",)))
    return judge(listings, rules, notes=["before"], max_links=max_links, max_refused=max_refused)


def test_pages_in_scope_once_each_in_order() -> None:
    date = datetime(2026, 1, 31, tzinfo=UTC)
    found = judged(
        Listing("/b", BASE, lastmod=date), Listing("https://example.com/a", BASE), Listing("/b#x", BASE)
    )
    assert [link.key for link in found.links] == ["https://example.com/b", "https://example.com/a"]
    assert found.lastmod == {"https://example.com/b": date}
    assert found.notes == ["before"]


def test_pages_out_of_scope_are_counted_and_named_up_to_a_limit() -> None:
    found = judged(
        *(Listing(f"https://other.example/{n}", BASE) for n in range(5)),
        Listing("/old/1", BASE),
        max_refused=2,
    )
    assert found.refused_counts == {Reason.SCOPE: 5, Reason.PATTERN: 1}
    assert [url.key for url, _ in found.refused] == ["https://other.example/0", "https://other.example/1"]


def test_what_is_beyond_the_limit_or_no_address_is_noted() -> None:
    found = judged(*(Listing(f"/{n}", BASE) for n in range(5)), Listing("mailto:a@b", BASE), max_links=2)
    assert len(found.links) == 2
    assert found.notes == [
        "before",
        "1 listed addresses are no web addresses.",
        "3 listed pages are beyond the limit of 2.",
    ]


def test_a_manifest_reaches_one_level_deeper_and_a_sitemap_does_not() -> None:
    found = judged(Listing("/m", BASE, manifest=True), Listing("/s", BASE), max_depth=0)
    assert [link.path for link in found.links] == ["/m"]
    assert found.refused_counts == {Reason.DEPTH: 1}
