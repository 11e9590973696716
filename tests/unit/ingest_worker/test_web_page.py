"""One page of a crawl: whose secrets go where, what is in scope, what robots.txt forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from ingest_worker.core.discovered import Discovered
from ingest_worker.core.fetching import Fetched, FetchRequest
from ingest_worker.core.robots import RobotsAnswer
from ingest_worker.usecases.robots_rules import RobotsRules
from ingest_worker.usecases.web_page import PageLimits, WebPage
from shared.contracts.content import Chunk, Parsed
from shared.errors import ErrorCode, WorkError
from shared.postgres.claims import Claim, KeptRobots, Ticket
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest_worker.core.parse_request import ParseRequest

SECRETS = {"Authorization": "Bearer secret"}
SOURCE = "https://site.test/docs/"


class Web:
    """Answers every request with a page, after the redirects that ``redirects`` names, and notes what is asked."""

    def __init__(self, *, redirects: Mapping[str, str] | None = None, robots: str = "") -> None:
        self.redirects = redirects or {}
        self.rules = robots
        self.asked: list[FetchRequest] = []
        self.discovered: list[tuple[str, dict[str, Any]]] = []

    async def fetch(self, request: FetchRequest) -> Fetched:
        self.asked.append(request)
        target = self.redirects.get(request.url)
        if target is not None and request.follows is not None and not request.follows(target):
            return Fetched(url=request.url, final_url=request.url, status=302, refused_redirect=target)
        return Fetched(
            url=request.url,
            final_url=target or request.url,
            status=200,
            body=b"<p>",
            content_type="text/html",
        )

    async def robots(self, origin: str) -> RobotsAnswer:
        return RobotsAnswer(200, self.rules)

    async def discover(self, seed_url: str, **options: Any) -> Discovered:
        self.discovered.append((seed_url, options))
        return Discovered()


class Hosts:
    async def reserve_slot(self, host: str, delay_seconds: float) -> float:
        return 0.0

    async def robots(self, host: str) -> KeptRobots | None:
        return None

    async def keep_robots(self, host: str, robots: KeptRobots, *, seconds: float) -> None:
        pass


class Parser:
    def __init__(self, links: list[str]) -> None:
        self.links = links

    async def parse(self, request: ParseRequest, *, timeout_seconds: float) -> Parsed:
        return Parsed(
            markdown="a",
            chunks=[Chunk(text="a", heading_path=(), hash="h")],
            content_hash="h",
            links=self.links,
        )


def page_of(web: Web, *, links: list[str] | None = None) -> WebPage:
    hosts = Hosts()
    return WebPage(
        web=web,
        hosts=hosts,
        robots=RobotsRules(hosts=hosts, web=web, clock=lambda: 0.0, keep_seconds=60, retry_seconds=1),
        parser=Parser(links or []),
        limits=PageLimits(
            page_timeout_seconds=1,
            page_max_bytes=1000,
            parse_timeout_seconds=1,
            chunk_characters=100,
            delay_seconds=0,
        ),
        clock=lambda: 0.0,
    )


def claim_of(url: str, **config: Any) -> Claim:
    return Claim(
        ticket=Ticket(UUID(int=1), 1),
        tenant_id=UUID(int=2),
        root_id=UUID(int=4),
        source_id=UUID(int=3),
        handler=Handler.WEB,
        attempt=1,
        request_id="r",
        payload={"url": url},
        config=config,
        url_key=url,
        depth=0,
        is_seed=url == SOURCE,
        host=None,
        secret_headers=SECRETS,
        source_url=SOURCE,
        etag=None,
        last_modified=None,
    )


async def test_a_page_of_another_host_is_asked_for_with_the_source_as_owner_of_the_secrets() -> None:
    web = Web()
    await page_of(web).do(claim_of("https://other.test/a", same_host=False))
    assert [(request.url, request.headers_for) for request in web.asked] == [("https://other.test/a", SOURCE)]


async def test_lists_of_a_seed_that_was_redirected_elsewhere_are_asked_for_with_the_source_as_owner() -> None:
    web = Web(redirects={SOURCE: "https://other.test/landing"})
    await page_of(web).do(claim_of(SOURCE))
    ((seed_url, options),) = web.discovered
    assert seed_url == "https://other.test/landing"
    assert (options["headers"], options["headers_for"]) == (SECRETS, SOURCE)


async def test_the_scope_is_that_of_the_source_and_not_of_the_page() -> None:
    links = ["https://site.test/b", "https://other.test/b"]
    result = await page_of(Web(), links=links).do(claim_of("https://other.test/a"))
    assert result.page is not None
    assert [link.url for link in result.page.links] == ["https://site.test/b"]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (SOURCE, "https://site.test/private/x"),
        ("https://site.test/a", "https://site.test/private/x"),
        # Of another origin the rules are known only after the redirect: the page is fetched, but not read.
        (SOURCE, "https://other.test/private/x"),
    ],
)
async def test_a_redirect_to_a_page_that_robots_txt_forbids_ends_as_forbidden(url: str, target: str) -> None:
    web = Web(redirects={url: target}, robots="User-agent: *\nDisallow: /private/")
    with pytest.raises(WorkError) as caught:
        await page_of(web).do(claim_of(url))
    assert caught.value.code == ErrorCode.ROBOTS_DISALLOWED
    assert web.discovered == []


async def test_a_forbidden_redirect_on_the_same_site_is_not_asked_for() -> None:
    web = Web(robots="User-agent: *\nDisallow: /private/")
    await page_of(web).do(claim_of(SOURCE))
    follows = web.asked[0].follows
    assert follows is not None
    assert not follows("https://site.test/private/x")
    assert follows("https://site.test/public/x")


async def test_a_redirect_is_followed_anywhere_on_the_site_where_robots_txt_is_not_asked_for() -> None:
    web = Web(redirects={SOURCE: "https://site.test/private/x"}, robots="User-agent: *\nDisallow: /")
    result = await page_of(web).do(claim_of(SOURCE, respect_robots=False))
    assert result.content is not None


async def test_a_redirect_out_of_the_scope_is_skipped_and_no_failure() -> None:
    web = Web(redirects={"https://site.test/a": "https://other.test/private/x"})
    result = await page_of(web).do(claim_of("https://site.test/a"))
    assert (result.skipped, result.content, result.failure) == ("scope", None, None)


async def test_the_scope_follows_a_seed_that_has_moved_for_good() -> None:
    links = ["https://site.test/b", "https://moved.test/b"]
    claim = claim_of("https://moved.test/a", scope_url="https://moved.test/")
    result = await page_of(Web(), links=links).do(claim)
    assert result.page is not None
    assert [link.url for link in result.page.links] == ["https://moved.test/b"]
