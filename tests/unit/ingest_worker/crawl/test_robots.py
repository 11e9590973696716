from __future__ import annotations

import pytest

from ingest_worker.core.robots import (
    LONGEST_CRAWL_DELAY_SECONDS,
    RobotsAnswer,
    RobotsPolicy,
    RobotsTag,
    disallowed_error,
    policy_of,
    robots_tag,
    robots_url,
    unavailable_error,
)
from shared.errors import ErrorCode

ORIGIN = "https://example.com"


def policy(body: str, status: int | None = 200) -> RobotsPolicy:
    return policy_of(RobotsAnswer(status, body), ORIGIN)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 301])
def test_a_site_without_rules_allows_everything(status: int) -> None:
    found = policy("User-agent: *\nDisallow: /", status)
    assert found.available
    assert found.allows(f"{ORIGIN}/a")


@pytest.mark.parametrize("status", [500, 503, 599, None])
def test_a_site_whose_rules_are_not_known_allows_nothing(status: int | None) -> None:
    found = policy("", status)
    assert not found.available
    assert not found.allows(f"{ORIGIN}/a")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private/a", False),
        ("/private/open", True),
        ("/%70rivate/a", False),
        ("/a.pdf", False),
        ("/a.pdf?x", True),
        ("/search?q=1", False),
        ("/robots.txt", True),
    ],
)
def test_the_rules_for_everybody(path: str, *, allowed: bool) -> None:
    rules = policy(
        "User-agent: *\nDisallow: /private\nAllow: /private/open\nDisallow: /*.pdf$\nDisallow: /search?q="
    )
    assert rules.allows(ORIGIN + path) is allowed


@pytest.mark.parametrize("name", ["Quern", "quern", "QUERN"])
def test_the_rules_for_us_come_before_those_for_everybody(name: str) -> None:
    rules = policy(f"User-agent: *\nDisallow: /\n\nUser-agent: {name}\nDisallow: /private\nCrawl-delay: 2")
    assert rules.allows(f"{ORIGIN}/a")
    assert not rules.allows(f"{ORIGIN}/private")
    assert rules.crawl_delay_seconds == 2


def test_the_rules_for_another_robot_are_not_ours() -> None:
    rules = policy("User-agent: OtherBot\nDisallow: /\nCrawl-delay: 9")
    assert rules.allows(f"{ORIGIN}/a")
    assert rules.crawl_delay_seconds is None


def test_no_site_puts_a_crawl_off_for_ever() -> None:
    assert policy("User-agent: *\nCrawl-delay: 1e9").crawl_delay_seconds == LONGEST_CRAWL_DELAY_SECONDS
    assert policy("User-agent: *\nCrawl-delay: inf").crawl_delay_seconds is None


def test_sitemaps_are_found_wherever_they_stand() -> None:
    rules = policy(
        "\ufeffSitemap: https://cdn.example/s.xml\nUser-agent: x\nDisallow: /\nSitemap: /b.xml\nSitemap: ftp://a/"
    )
    assert rules.sitemaps == ("https://cdn.example/s.xml", "https://example.com/b.xml")


@pytest.mark.parametrize("body", ["", "<!doctype html><p>not found", "\0\0", "Disallow: /", "a:\n:b\n:"])
def test_what_holds_no_rules_forbids_nothing(body: str) -> None:
    assert policy(body).allows(f"{ORIGIN}/a")


def test_errors_say_what_to_do() -> None:
    forbidden = disallowed_error("example.com")
    assert (forbidden.code, forbidden.retryable) == (ErrorCode.ROBOTS_DISALLOWED, False)
    away = unavailable_error("example.com", RobotsAnswer(503, retry_after_seconds=7))
    assert (away.code, away.retryable, away.http_status) == (ErrorCode.ROBOTS_UNAVAILABLE, True, 503)
    assert away.retry_after_seconds == 7
    assert "answered 503" in away.sentence
    assert "did not answer" in unavailable_error("example.com", RobotsAnswer(None)).sentence


def test_the_place_of_the_rules() -> None:
    assert robots_url("https://example.com:8443") == "https://example.com:8443/robots.txt"


@pytest.mark.parametrize(
    ("value", "noindex", "nofollow"),
    [
        ("", False, False),
        ("noindex", True, False),
        ("NoIndex, NoFollow", True, True),
        ("none", True, True),
        ("googlebot: noindex", False, False),
        ("googlebot: noindex, nofollow", False, False),
        ("googlebot: nofollow, quern: noindex", True, False),
        ("googlebot: noindex\nnofollow", False, True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, nofollow", False, True),
        ("max-snippet: 20, noindex", True, False),
        ("all", False, False),
    ],
)
def test_the_header_for_robots(value: str, *, noindex: bool, nofollow: bool) -> None:
    assert robots_tag(value) == RobotsTag(noindex, nofollow)
