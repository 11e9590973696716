"""The fetcher against real sites on the loopback network."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import brotli
import pytest
import pytest_asyncio

from ingest_worker.core.fetching import Fetched, FetchRequest, Redirect
from shared.clock import now
from shared.errors import ErrorCode, WorkError
from support.fetchers import RawServer, open_fetcher, saying
from support.sites import TestSite

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

    from ingest_worker.adapters.fetcher import Fetcher


@pytest.fixture
def site() -> Iterator[TestSite]:
    with TestSite() as made:
        yield made


@pytest.fixture
def other() -> Iterator[TestSite]:
    with TestSite(host="127.0.0.2") as made:
        yield made


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher() as made:
        yield made


async def get(fetcher: Fetcher, url: str, **options: Any) -> Fetched:
    request = FetchRequest(**{"url": url, "timeout_seconds": 10, "max_bytes": 100_000, **options})
    return await fetcher.fetch(request)


async def failure(fetcher: Fetcher, url: str, **options: Any) -> WorkError:
    with pytest.raises(WorkError) as caught:
        await get(fetcher, url, **options)
    return caught.value


async def test_a_page_with_what_its_headers_say(site: TestSite, fetcher: Fetcher) -> None:
    date = datetime(2026, 1, 31, 12, tzinfo=UTC)
    headers = {"X-Robots-Tag": "noindex", "Link": '</c>; rel="canonical"'}
    body = "Grüße".encode("latin-1")
    site.page("/a", body, content_type="text/HTML; charset=ISO-8859-1", headers=headers, last_modified=date)
    page = await get(fetcher, site.url("/a#part"))
    assert (page.status, page.body, page.received_bytes) == (200, body, len(body))
    assert (page.content_type, page.charset) == ("text/html", "iso-8859-1")
    assert page.url == page.final_url == site.url("/a")
    assert page.etag is not None
    assert page.last_modified == "Sat, 31 Jan 2026 12:00:00 GMT"
    assert page.x_robots_tag == "noindex"
    assert page.canonical == site.url("/c")
    assert page.redirects == ()
    assert page.permanent_redirect_target is None
    assert not page.truncated
    assert 0 < page.elapsed_seconds < 10


async def test_a_page_is_asked_for_as_it_was_written(site: TestSite, fetcher: Fetcher) -> None:
    await failure(fetcher, site.url("/%7eA%2f/ü b?z=1&utm_source=x&a=%c3%bc"))
    assert list(site.hits) == ["/%7eA%2f/%C3%BC%20b?z=1&utm_source=x&a=%c3%bc"]


async def test_we_say_who_we_are_and_keep_no_cookies(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/", "x", headers={"Set-Cookie": "session=1; Path=/"})
    named = site.url().replace("127.0.0.1", "localhost")  # cookie jars keep nothing from bare addresses
    for _ in range(2):
        await get(fetcher, named)
    assert len(site.requests) == 2
    for request in site.requests:
        assert request.headers["User-Agent"].startswith("Quern/")
        assert "Cookie" not in request.headers


async def test_proxies_of_the_environment_are_not_used(
    site: TestSite, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.page("/", "x")
    assert (await get(fetcher, site.url())).body == b"x"


# What is known already


async def test_an_unchanged_page_is_not_sent_again(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/", "first", last_modified=datetime(2026, 1, 31, tzinfo=UTC))
    first = await get(fetcher, site.url())
    again = await get(fetcher, site.url(), etag=first.etag, last_modified=first.last_modified)
    assert (again.status, again.not_modified, again.body) == (304, True, b"")
    assert again.etag == first.etag
    site.page("/", "second", last_modified=datetime(2026, 2, 1, tzinfo=UTC))
    changed = await get(fetcher, site.url(), etag=first.etag, last_modified=first.last_modified)
    assert (changed.status, changed.not_modified, changed.body) == (200, False, b"second")


async def test_a_site_without_etags_is_asked_by_date(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/", "x", etag=False, last_modified=datetime(2026, 1, 31, tzinfo=UTC))
    first = await get(fetcher, site.url())
    assert first.etag is None
    assert (await get(fetcher, site.url(), last_modified=first.last_modified)).not_modified


async def test_validators_are_sent_behind_a_redirect_as_well(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/b", "x")
    site.redirect("/a", "/b")
    first = await get(fetcher, site.url("/a"))
    again = await get(fetcher, site.url("/a"), etag=first.etag)
    assert again.not_modified
    assert again.final_url == site.url("/b")


async def test_not_modified_without_having_asked_is_an_error(site: TestSite, fetcher: Fetcher) -> None:
    site.refuse("/", 304)
    error = await failure(fetcher, site.url())
    assert (error.code, error.http_status) == (ErrorCode.HTTP_ERROR, 304)


async def test_an_etag_that_cannot_be_kept_is_not_kept(fetcher: Fetcher) -> None:
    server = saying(
        b'HTTP/1.1 200 OK\r\nETag: "\xff\xfe"\r\nLast-Modified: '
        + b"x" * 2000
        + b"\r\nContent-Length: 0\r\n\r\n"
    )
    async with server.serving() as url:
        page = await get(fetcher, url)
    assert (page.etag, page.last_modified) == (None, None)


# Redirects


async def test_redirects_are_followed_and_told(site: TestSite, other: TestSite, fetcher: Fetcher) -> None:
    site.redirect("/a", "b?x=1#y", 301)
    site.redirect("/b?x=1", other.url("/c"), 308)
    other.redirect("/c", "/d", 302)
    other.redirect("/d", "/e", 301)
    other.page("/e", "here")
    page = await get(fetcher, site.url("/a"))
    assert (page.body, page.url, page.final_url) == (b"here", site.url("/a"), other.url("/e"))
    assert page.redirects == (
        Redirect(301, site.url("/b?x=1")),
        Redirect(308, other.url("/c")),
        Redirect(302, other.url("/d")),
        Redirect(301, other.url("/e")),
    )
    assert page.permanent_redirect_target == other.url("/c")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_kind_of_redirect(site: TestSite, fetcher: Fetcher, status: int) -> None:
    site.redirect("/a", "/b", status)
    site.page("/b", "here")
    page = await get(fetcher, site.url("/a"))
    assert page.body == b"here"
    assert (page.permanent_redirect_target is not None) == (status in (301, 308))


async def test_a_circle_ends(site: TestSite, fetcher: Fetcher) -> None:
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    error = await failure(fetcher, site.url("/a"))
    assert (error.code, error.retryable) == (ErrorCode.TOO_MANY_REDIRECTS, False)
    assert site.hits == {"/a": 1, "/b": 1}


async def test_an_endless_chain_ends(site: TestSite, fetcher: Fetcher) -> None:
    for number in range(50):
        site.redirect(f"/{number}", f"/{number + 1}")
    error = await failure(fetcher, site.url("/0"))
    assert error.code is ErrorCode.TOO_MANY_REDIRECTS
    assert site.hits.total() == 11
    site.page("/20", "here")
    assert (await get(fetcher, site.url("/10"))).body == b"here"


async def test_a_redirect_to_the_clean_spelling_of_the_page_is_no_circle(
    site: TestSite, fetcher: Fetcher
) -> None:
    site.redirect("/%61?utm_source=x", "/a", 301)
    site.page("/a", "here")
    assert (await get(fetcher, site.url("/%61?utm_source=x"))).body == b"here"


@pytest.mark.parametrize(
    "target",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[",
        "",
        "https://user:hunter2@example.org/",
    ],
)
async def test_a_redirect_to_what_is_no_web_address(site: TestSite, fetcher: Fetcher, target: str) -> None:
    site.redirect("/a", target, 301)
    error = await failure(fetcher, site.url("/a"))
    assert (error.code, error.retryable, error.http_status) == (ErrorCode.HTTP_ERROR, False, 301)
    assert "hunter2" not in error.sentence


async def test_a_redirect_that_is_not_wanted_is_not_followed(
    site: TestSite, other: TestSite, fetcher: Fetcher
) -> None:
    site.redirect("/a", "/b", 301)
    site.redirect("/b", other.url("/c"), 302)
    asked: list[str] = []

    def follows(target: str) -> bool:
        asked.append(target)
        return not target.startswith(other.url())

    page = await get(fetcher, site.url("/a"), follows=follows)
    assert asked == [site.url("/b"), other.url("/c")]
    assert (page.status, page.body, page.refused_redirect) == (302, b"", other.url("/c"))
    assert page.final_url == site.url("/b")
    assert not other.hits


# Secrets


async def test_secrets_go_to_their_own_site_alone(site: TestSite, other: TestSite, fetcher: Fetcher) -> None:
    secret = {"Authorization": "Bearer abc", "X-Team": "docs"}
    site.redirect("/a", "/b")
    site.redirect("/b", other.url("/c"))
    other.redirect("/c", site.url("/d"))
    site.page("/d", "here")
    await get(fetcher, site.url("/a"), headers=secret)
    sent = {
        request.path: request.headers.get("Authorization") for request in [*site.requests, *other.requests]
    }
    assert sent == {"/a": "Bearer abc", "/b": "Bearer abc", "/c": None, "/d": None}
    assert "X-Team" not in other.requests[0].headers


async def test_secrets_of_a_source_do_not_go_to_the_hosts_that_it_links_to(
    site: TestSite, other: TestSite, fetcher: Fetcher
) -> None:
    other.page("/", "x")
    site.page("/deep", "x")
    for url in (other.url(), site.url("/deep")):
        await get(fetcher, url, headers={"Authorization": "Bearer abc"}, headers_for=site.url("/seed"))
    assert "Authorization" not in other.requests[0].headers
    assert site.requests[0].headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("header", [("X-A", "abc\r\nX-B: 1"), ("Host", "abc"), ("X A", "abc")])
async def test_a_header_that_cannot_be_sent_is_not_sent(
    site: TestSite, fetcher: Fetcher, header: tuple[str, str]
) -> None:
    error = await failure(fetcher, site.url(), headers=dict([header]))
    assert not error.retryable
    assert "abc" not in error.sentence
    assert not site.hits


# Refusals


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, ErrorCode.HTTP_ERROR, False),
        (404, ErrorCode.HTTP_ERROR, False),
        (410, ErrorCode.HTTP_ERROR, False),
        (429, ErrorCode.RATE_LIMITED, True),
        (500, ErrorCode.HTTP_ERROR, True),
        (503, ErrorCode.HTTP_ERROR, True),
    ],
)
async def test_refusals(
    site: TestSite, fetcher: Fetcher, status: int, code: ErrorCode, *, retryable: bool
) -> None:
    site.refuse("/", status, Retry_After="7")
    error = await failure(fetcher, site.url())
    assert (error.code, error.http_status, error.retryable) == (code, status, retryable)
    assert error.retry_after_seconds == (7 if retryable else None)
    assert str(status) in error.sentence


async def test_a_date_in_retry_after(site: TestSite, fetcher: Fetcher) -> None:
    soon = format_datetime(now().replace(year=now().year + 1), usegmt=True)
    site.refuse("/", 503, Retry_After=soon)
    error = await failure(fetcher, site.url())
    assert error.retry_after_seconds is not None
    assert 364 * 86400 < error.retry_after_seconds < 367 * 86400


async def test_a_site_that_recovers(site: TestSite, fetcher: Fetcher) -> None:
    site.page("/", "here")
    site.refuse("/", 500, times=2)
    assert (await failure(fetcher, site.url())).retryable
    assert (await failure(fetcher, site.url())).retryable
    assert (await get(fetcher, site.url())).body == b"here"


async def test_a_type_that_cannot_be_read_is_known_before_its_body(site: TestSite, fetcher: Fetcher) -> None:
    site.endless("/")
    asked: list[str] = []

    def accepts(kind: str) -> bool:
        asked.append(kind)
        return False

    error = await failure(fetcher, site.url(), accepts=accepts)
    assert (error.code, error.retryable) == (ErrorCode.UNSUPPORTED_TYPE, False)
    assert asked == ["text/html"]
    assert "text/html" in error.sentence


# Size


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "br"])
async def test_a_body_of_just_the_right_size(site: TestSite, fetcher: Fetcher, encoding: str) -> None:
    encode = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[
        encoding
    ]
    for size in (0, 1, 99_999, 100_000, 100_001, 5_000_000):
        site.page(
            "/", encode(b"ab" * (size // 2) + b"c" * (size % 2)), headers={"Content-Encoding": encoding}
        )
        if size > 100_000:
            error = await failure(fetcher, site.url())
            assert (error.code, error.retryable) == (ErrorCode.TOO_LARGE, False)
            cut = await get(fetcher, site.url(), cut=True)
            assert (len(cut.body), cut.truncated) == (100_000, True)
        else:
            page = await get(fetcher, site.url())
            assert (len(page.body), page.truncated) == (size, False)


async def test_connections_are_used_again(fetcher: Fetcher) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = RawServer(talk)
    async with server.serving() as url:
        for _ in range(20):
            assert (await get(fetcher, url)).body == b"ok"
    assert server.connections == 1
