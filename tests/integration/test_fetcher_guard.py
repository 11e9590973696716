"""Requests that are forged towards our own network: by literals, names, redirects, and names that change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest_worker.core.fetching import Fetched, FetchRequest
from shared.errors import ErrorCode, WorkError
from support.fetchers import Names, open_fetcher
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_worker.adapters.fetcher import Fetcher

PUBLIC = "127.0.0.2"
ALLOW = f"{PUBLIC}/32"
"""The one address that stands for the public network here; all else that is private stays refused."""


@pytest.fixture
def secret() -> Iterator[TestSite]:
    """Our own network: it must never be asked."""
    with TestSite(host="127.0.0.1") as made:
        made.page("/", "secret")
        yield made
        assert not made.hits


@pytest.fixture
def site() -> Iterator[TestSite]:
    with TestSite(host=PUBLIC) as made:
        made.page("/", "public", headers={"Connection": "close"})
        yield made


async def get(fetcher: Fetcher, url: str) -> Fetched:
    return await fetcher.fetch(FetchRequest(url=url, timeout_seconds=5, max_bytes=1000))


async def refused(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(WorkError) as caught:
        await get(fetcher, url)
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.BLOCKED_ADDRESS, False)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
        ),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        *("[2002:7f00:1::]", "127%2e0%2e0%2e1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021"),
        *("169.254.169.254", "10.0.0.1", "192.168.0.1", "100.64.0.1", "[fe80::1]", "[fd00:ec2::254]"),
    ],
)
async def test_literals_in_any_spelling(secret: TestSite, host: str) -> None:
    port = secret.url().rpartition(":")[2]
    async with open_fetcher(allow=ALLOW) as fetcher:
        await refused(fetcher, f"http://{host}:{port}")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1", "10.0.0.1"], ["::ffff:127.0.0.1"]]
)
async def test_names_of_private_addresses(secret: TestSite, addresses: list[str]) -> None:
    port = secret.url().rpartition(":")[2]
    async with open_fetcher(allow=ALLOW, names=Names(internal=addresses)) as fetcher:
        await refused(fetcher, f"http://internal.example:{port}")


async def test_of_several_addresses_only_the_allowed_ones_are_used(secret: TestSite, site: TestSite) -> None:
    names = Names(mixed=["127.0.0.1", PUBLIC, "::1"])
    port = site.url().rpartition(":")[2]
    async with open_fetcher(allow=ALLOW, names=names) as fetcher:
        assert (await get(fetcher, f"http://mixed.example:{port}")).body == b"public"


@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize(
    "target", ["http://{host}/", "//{host}/", "http://0x7f.1:{port}/", "http://internal.example:{port}/"]
)
async def test_redirects_to_private_addresses(
    secret: TestSite, site: TestSite, target: str, status: int
) -> None:
    port = secret.url().rpartition(":")[2].strip("/")
    site.redirect("/a", target.format(host=secret.host, port=port), status)
    async with open_fetcher(allow=ALLOW, names=Names(internal=["127.0.0.1"])) as fetcher:
        await refused(fetcher, site.url("/a"))


async def test_a_name_that_changes_after_it_was_judged_gains_nothing(
    secret: TestSite, site: TestSite
) -> None:
    """DNS rebinding: the second answer would lead to the secret, if anybody asked a second time."""
    names = Names(rebind=[PUBLIC])
    port = site.url().rpartition(":")[2]
    async with open_fetcher(allow=ALLOW, names=names, dns_cache_seconds=0) as fetcher:
        assert (await get(fetcher, f"http://rebind.example:{port}")).body == b"public"
        assert names.asked == ["rebind.example"]
        names.names["rebind"] = ["127.0.0.1"]
        await refused(fetcher, f"http://rebind.example:{port}")


async def test_without_any_allowed_network_nothing_on_this_machine_is_reached(secret: TestSite) -> None:
    async with open_fetcher(allow="") as fetcher:
        await refused(fetcher, secret.url())


async def test_an_unknown_host_is_unreachable() -> None:
    async with open_fetcher(names=Names(nowhere=[])) as fetcher:
        with pytest.raises(WorkError) as caught:
            await get(fetcher, "http://nowhere.example/")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.UNREACHABLE, True)
    assert "nowhere.example" in caught.value.sentence
