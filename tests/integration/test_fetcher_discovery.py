"""robots.txt, sitemaps and llms.txt of real sites, good ones and bad ones."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from ingest_worker.adapters.discovery import DiscoveryLimits, discover
from ingest_worker.adapters.http_robots import fetch_robots
from ingest_worker.core.robots import MAX_ROBOTS_BYTES, RobotsPolicy, policy_of
from ingest_worker.core.scope import CrawlScope, ScopeRules
from shared.errors import ErrorCode, WorkError
from shared.states import Reason
from support.fetchers import open_fetcher
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ingest_worker.adapters.fetcher import Fetcher
    from ingest_worker.core.discovered import Discovered


@pytest.fixture
def site() -> Iterator[TestSite]:
    with TestSite() as made:
        yield made


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher() as made:
        yield made


async def rules_of(site: TestSite, fetcher: Fetcher) -> RobotsPolicy:
    origin = site.url("")
    return policy_of(await fetch_robots(origin, fetcher=fetcher, timeout_seconds=1), origin)


async def discovered(
    site: TestSite,
    fetcher: Fetcher,
    *,
    limits: dict[str, Any] | None = None,
    max_depth: int = 2,
    **options: Any,
) -> Discovered:
    return await discover(
        site.url("/start?x"),
        scope=ScopeRules(CrawlScope(sites=frozenset({site.host}), max_depth=max_depth)),
        robots=await rules_of(site, fetcher),
        fetcher=fetcher,
        limits=DiscoveryLimits(**{"request_timeout_seconds": 1.0, **(limits or {})}),
        **options,
    )


def paths(found: Discovered) -> list[str]:
    return [link.path for link in found.links]


# robots.txt


async def test_the_rules_of_a_site(site: TestSite, fetcher: Fetcher) -> None:
    site.robots("User-agent: *\nDisallow: /private\nCrawl-delay: 3\nSitemap: /s.xml")
    rules = await rules_of(site, fetcher)
    assert rules.allows(site.url("/a"))
    assert not rules.allows(site.url("/private/a"))
    assert rules.crawl_delay_seconds == 3
    assert rules.sitemaps == (site.url("/s.xml"),)


@pytest.mark.parametrize(
    ("status", "available"), [(401, True), (404, True), (429, True), (500, False), (503, False)]
)
async def test_a_site_that_gives_no_rules(
    site: TestSite, fetcher: Fetcher, status: int, *, available: bool
) -> None:
    site.refuse("/robots.txt", status, Retry_After="5")
    answer = await fetch_robots(site.url(""), fetcher=fetcher, timeout_seconds=1)
    assert policy_of(answer, site.url("")).available is available
    assert answer.status == status
    if not available:
        assert answer.retry_after_seconds == 5


async def test_a_site_that_does_not_answer(site: TestSite, fetcher: Fetcher) -> None:
    site.drip("/robots.txt")
    answer = await fetch_robots(site.url(""), fetcher=fetcher, timeout_seconds=0.2)
    assert answer.status is None
    assert not policy_of(answer, site.url("")).available


async def test_a_site_that_is_out_of_reach_is_not_a_matter_of_its_rules(fetcher: Fetcher) -> None:
    with pytest.raises(WorkError) as refused:
        await fetch_robots("http://127.0.0.1:1", fetcher=fetcher, timeout_seconds=1)
    assert refused.value.code is ErrorCode.UNREACHABLE
    assert refused.value.retryable


async def test_rules_behind_redirects(site: TestSite, fetcher: Fetcher) -> None:
    site.redirect("/robots.txt", "/rules", 301)
    site.page("/rules", "User-agent: *\nDisallow: /", content_type="text/plain")
    assert not (await rules_of(site, fetcher)).allows(site.url("/a"))
    site.redirect("/rules", "/robots.txt")
    assert (await rules_of(site, fetcher)).allows(site.url("/a"))


async def test_rules_without_end_are_read_up_to_the_limit(site: TestSite, fetcher: Fetcher) -> None:
    head = b"User-agent: *\nDisallow: /private\n"
    site.robots(
        (head + b"# padding\n" * MAX_ROBOTS_BYTES)[: 2 * MAX_ROBOTS_BYTES].decode() + "\nDisallow: /late"
    )
    rules = await rules_of(site, fetcher)
    assert not rules.allows(site.url("/private"))
    assert rules.allows(site.url("/late"))


async def test_rules_on_a_blocked_address_are_an_error(site: TestSite) -> None:
    async with open_fetcher(allow="") as fetcher:
        with pytest.raises(WorkError) as caught:
            await fetch_robots(site.url(""), fetcher=fetcher, timeout_seconds=1)
    assert caught.value.code is ErrorCode.BLOCKED_ADDRESS


# Sitemaps


async def test_pages_of_all_sitemaps(site: TestSite, fetcher: Fetcher) -> None:
    site.robots("Sitemap: /index.xml\nSitemap: /extra.txt")
    site.sitemap(
        [site.url("/one.xml"), site.url("/two.xml.gz"), site.url("/index.xml")], "/index.xml", index=True
    )
    site.sitemap([site.url("/a"), site.url("/b")], "/one.xml")
    packed = gzip.compress(f"<urlset><url><loc>{site.url('/c')}</loc></url></urlset>".encode())
    site.page("/two.xml.gz", packed, content_type="application/gzip")
    site.page("/extra.txt", f"{site.url('/d')}\n{site.url('/a')}", content_type="text/plain")
    site.sitemap([site.url("/e"), "https://other.example/x"])
    found = await discovered(site, fetcher)
    assert sorted(paths(found)) == ["/a", "/b", "/c", "/d", "/e"]
    assert found.refused_counts == {Reason.SCOPE: 1}
    assert set(site.hits.values()) == {1}
    assert [note for note in found.notes if "llms.txt" not in note] == []


async def test_sitemaps_are_not_asked_for_when_not_wanted(site: TestSite, fetcher: Fetcher) -> None:
    site.sitemap([site.url("/a")])
    site.page("/llms.txt", "[b](/b)", content_type="text/plain")
    found = await discovered(site, fetcher, use_sitemap=False, use_llms_txt=False)
    assert paths(found) == []
    assert set(site.hits) == {"/robots.txt"}


async def test_an_index_that_contains_itself_for_ever(site: TestSite, fetcher: Fetcher) -> None:
    for number in range(10):
        site.sitemap([site.url(f"/{number + 1}.xml"), site.url("/0.xml")], f"/{number}.xml", index=True)
    site.robots("Sitemap: /0.xml")
    found = await discovered(site, fetcher, limits={"max_index_depth": 3}, use_llms_txt=False)
    assert paths(found) == []
    assert {path for path in site.hits if path[1].isdigit()} == {"/0.xml", "/1.xml", "/2.xml", "/3.xml"}


async def test_there_are_limits(site: TestSite, fetcher: Fetcher) -> None:
    site.sitemap([site.url(f"/{n}.xml") for n in range(20)], index=True)
    for number in range(20):
        site.sitemap([site.url(f"/{number}/{page}") for page in range(10)], f"/{number}.xml")
    found = await discovered(site, fetcher, limits={"max_lists": 5})
    assert len(found.links) == 40
    assert "Only the first 5 sitemaps were read." in found.notes
    found = await discovered(site, fetcher, limits={"max_links": 25})
    assert len(found.links) == 25


@pytest.mark.parametrize("path", ["/sitemap.xml", "/llms.txt"])
@pytest.mark.parametrize(
    "trouble", ["404", "500", "html", "drip", "endless", "bomb", "circle", "entities", "binary"]
)
async def test_a_bad_list_is_a_note_and_no_failure(
    site: TestSite, fetcher: Fetcher, path: str, trouble: str
) -> None:
    match trouble:
        case "404" | "500":
            site.refuse(path, int(trouble))
        case "html":
            site.page(path, "<!doctype html><html><body><a href='/x'>Not found</a></body></html>")
        case "drip":
            site.drip(path)
        case "endless":
            site.endless(path)
        case "bomb":
            site.gzip_bomb(path, megabytes=20)
        case "circle":
            site.redirect(path, path)
        case "entities":
            site.page(path, '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><urlset>&b;</urlset>')
        case "binary":
            site.page(path, bytes(range(256)) * 10, content_type="application/octet-stream")
    other = "/llms.txt" if path == "/sitemap.xml" else "/sitemap.xml"
    site.page(other, site.url("/page"), content_type="text/plain")
    found = await discovered(
        site, fetcher, limits={"request_timeout_seconds": 0.3, "max_list_bytes": 1_000_000}
    )
    assert paths(found) == ["/page"]
    if (path, trouble) != ("/llms.txt", "binary"):  # a text without links, as far as anybody can tell
        assert any(path in note for note in found.notes)


async def test_what_robots_forbid_is_not_guessed(site: TestSite, fetcher: Fetcher) -> None:
    site.robots("User-agent: *\nDisallow: /\nSitemap: /listed.xml")
    site.sitemap([site.url("/a")], "/listed.xml")
    found = await discovered(site, fetcher)
    assert paths(found) == ["/a"]
    assert set(site.hits) == {"/robots.txt", "/listed.xml"}


async def test_it_ends_in_time_and_keeps_what_it_has(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/llms.txt", "[a](/a)", content_type="text/plain")
    site.drip("/sitemap.xml")
    found = await discovered(site, fetcher, limits={"timeout_seconds": 0.3, "request_timeout_seconds": 60.0})
    assert paths(found) == ["/a"]
    assert any("longer than 0.3 seconds" in note for note in found.notes)


async def test_a_list_on_a_blocked_address_is_not_read(site: TestSite) -> None:
    with TestSite(host="127.0.0.3") as private:
        private.sitemap([site.url("/secret")])
        site.robots(f"Sitemap: {private.url('/sitemap.xml')}")
        site.redirect("/llms.txt", private.url("/llms.txt"))
        async with open_fetcher(allow="127.0.0.1/32") as fetcher:
            found = await discovered(site, fetcher)
        assert paths(found) == []
        assert not private.hits


# llms.txt


async def test_links_of_a_manifest_reach_one_level_deeper(site: TestSite, fetcher: Fetcher) -> None:
    manifest = "# Docs\n- [A](/a.md): first\n- [B](b.md)\n- [Elsewhere](https://other.example/c)\n"
    site.page("/llms.txt", manifest, content_type="text/markdown")
    site.sitemap([site.url("/d")])
    found = await discovered(site, fetcher, max_depth=0)
    assert paths(found) == ["/a.md", "/b.md"]
    assert found.refused_counts == {Reason.SCOPE: 1, Reason.DEPTH: 1}
    assert site.hits["/llms.txt"] == 1


async def test_secrets_of_the_source_are_sent_to_its_own_lists_alone(
    site: TestSite, fetcher: Fetcher
) -> None:
    with TestSite(host="127.0.0.2") as other:
        site.robots(f"Sitemap: {other.url('/s.xml')}")
        await discovered(site, fetcher, headers={"Authorization": "Bearer abc"})
        assert "Authorization" not in other.requests[0].headers
    sent = {request.path: request.headers.get("Authorization") for request in site.requests}
    assert sent == {"/robots.txt": None, "/llms.txt": "Bearer abc", "/sitemap.xml": "Bearer abc"}


async def test_lists_of_another_host_than_the_source_get_no_secrets(site: TestSite, fetcher: Fetcher) -> None:
    await discovered(
        site, fetcher, headers={"Authorization": "Bearer abc"}, headers_for="http://source.test/"
    )
    assert {request.path for request in site.requests} == {"/robots.txt", "/llms.txt", "/sitemap.xml"}
    assert all("Authorization" not in request.headers for request in site.requests)
