"""Secure connections: verified always, with errors that tell a bad certificate from a passing trouble."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ingest_worker.core.fetching import Fetched, FetchRequest
from shared.errors import ErrorCode, WorkError
from support.certificates import Authority
from support.fetchers import RawServer, open_fetcher
from support.sites import TestSite

if TYPE_CHECKING:
    from ingest_worker.adapters.fetcher import Fetcher

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def get(fetcher: Fetcher, url: str, **headers: str) -> Fetched:
    return await fetcher.fetch(FetchRequest(url=url, timeout_seconds=5, max_bytes=1000, headers=headers))


async def test_a_site_with_a_good_certificate(authority: Authority) -> None:
    with TestSite(tls=authority.serving(HOST)) as site:
        site.page("/", "here")
        async with open_fetcher(tls=authority.trusting()) as fetcher:
            assert (await get(fetcher, site.url())).body == b"here"


@pytest.mark.parametrize(
    ("address", "days_left", "trusted", "hint"),
    [
        (HOST, 1, False, "unable to get local issuer|self.signed"),
        (HOST, -1, True, "expired"),
        ("127.0.0.9", 1, True, "mismatch"),
    ],
)
async def test_a_bad_certificate_is_final(
    authority: Authority, address: str, days_left: int, hint: str, *, trusted: bool
) -> None:
    with TestSite(tls=authority.serving(address, days_left=days_left)) as site:
        async with open_fetcher(tls=authority.trusting() if trusted else None) as fetcher:
            with pytest.raises(WorkError, match=hint) as caught:
                await get(fetcher, site.url())
        assert not site.hits
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TLS_ERROR, False)


async def test_a_server_that_speaks_no_tls(authority: Authority) -> None:
    with TestSite() as site:
        async with open_fetcher(tls=authority.trusting()) as fetcher:
            with pytest.raises(WorkError) as caught:
                await get(fetcher, site.url().replace("http:", "https:"))
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TLS_ERROR, True)


async def test_a_handshake_that_never_ends(authority: Authority) -> None:
    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await asyncio.Event().wait()

    quick = open_fetcher(tls=authority.trusting(), connect_timeout_seconds=0.3)
    async with RawServer(talk).serving() as url, quick as fetcher:
        with pytest.raises(WorkError) as caught:
            await get(fetcher, url.replace("http:", "https:"))
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TIMEOUT, True)


async def test_secrets_are_not_carried_from_tls_to_the_open_network(authority: Authority) -> None:
    with TestSite() as bare, TestSite(tls=authority.serving(HOST)) as secure:
        secure.redirect("/", bare.url())
        bare.page("/", "here")
        async with open_fetcher(tls=authority.trusting()) as fetcher:
            assert (await get(fetcher, secure.url(), Authorization="Bearer abc")).body == b"here"
        assert secure.requests[0].headers["Authorization"] == "Bearer abc"
        assert "Authorization" not in bare.requests[0].headers
