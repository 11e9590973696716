from __future__ import annotations

from ingest_worker.core.fetching import Fetched
from ingest_worker.core.page_report import page_report, sort_links
from ingest_worker.core.scope import CrawlScope, ScopeRules

RULES = ScopeRules(CrawlScope(sites=frozenset({"site.test"}), exclude=("/private/",)))


def fetched(**fields: object) -> Fetched:
    known: dict[str, object] = {
        "url": "https://site.test/a",
        "final_url": "https://site.test/a",
        "status": 200,
    }
    return Fetched(**known | fields)  # type: ignore[arg-type]  # the fields are named by each test


def test_links_are_sorted_into_those_to_follow_and_those_not_to() -> None:
    found, refused, counts = sort_links(
        [
            "https://site.test/b?utm_source=x#top",
            "https://site.test/b",
            "https://other.test/",
            "https://site.test/private/c",
            "https://site.test/logo.png",
            "mailto:someone",
        ],
        RULES,
    )
    assert [link.key for link in found] == ["https://site.test/b"]
    assert found[0].host == "https://site.test:443"
    assert [(link.key, link.reason) for link in refused] == [
        ("https://other.test/", "scope"),
        ("https://site.test/private/c", "pattern"),
        ("https://site.test/logo.png", "type"),
    ]
    assert counts == {"scope": 1, "pattern": 1, "type": 1, "invalid": 1}


def test_depth_is_left_to_the_consumer() -> None:
    rules = ScopeRules(CrawlScope(sites=frozenset({"site.test"}), max_depth=0))
    found, _, _ = sort_links(["https://site.test/b"], rules)
    assert len(found) == 1


def test_a_page_says_where_it_really_is() -> None:
    report = page_report(
        fetched(final_url="https://site.test/b", permanent_redirect_target="https://site.test/b", etag='"1"'),
        rules=RULES,
    )
    assert (report.asked_key, report.final_key) == ("https://site.test/a", "https://site.test/b")
    assert report.moved_permanently
    assert report.etag == '"1"'


def test_a_canonical_page_counts_only_inside_the_site_and_the_scope() -> None:
    def canonical(url: str) -> str | None:
        return page_report(fetched(), rules=RULES, canonical=url).canonical_key

    assert canonical("https://site.test/canon") == "https://site.test/canon"
    assert canonical("https://site.test/a#part") is None
    assert canonical("https://other.test/a") is None
    assert canonical("https://site.test/private/a") is None
    assert canonical("not a url") is None
