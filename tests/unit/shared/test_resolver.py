from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shared.addresses import parse_networks
from shared.errors import ErrorCode
from shared.net.errors import BlockedAddressError, UnresolvedHostError
from shared.net.resolver import GuardedResolver, HostVerdict, Resolver, SocketFactory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.addresses import IPAddress


class Names:
    """A name server under the test's control."""

    def __init__(self, **names: list[str] | Exception) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[IPAddress]:
        self.asked.append(host)
        found = self.names[host.partition(".")[0]]
        if isinstance(found, Exception):
            raise found
        return [ip_address(text) for text in found]


NAMES = Names(
    public=["8.8.8.8", "2606:4700::1"],
    mixed=["127.0.0.1", "8.8.8.8", "fd00::1"],
    private=["10.0.0.1", "::1"],
    loopback=["127.0.0.1"],
    empty=[],
    unknown=socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
)


def resolver(lookup: Names = NAMES, *, allow: str = "") -> Resolver:
    return Resolver(lookup=lookup, allow_networks=parse_networks(allow), timeout_seconds=0.05)


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("public.example", HostVerdict.ALLOWED),
        ("mixed.example", HostVerdict.ALLOWED),
        ("private.example", HostVerdict.BLOCKED),
        ("empty.example", HostVerdict.UNRESOLVED),
        ("unknown.example", HostVerdict.UNRESOLVED),
        ("8.8.8.8", HostVerdict.ALLOWED),
        ("127.1", HostVerdict.BLOCKED),
        ("2130706433", HostVerdict.BLOCKED),
        ("0x7f.1", HostVerdict.BLOCKED),
        ("[::1]", HostVerdict.BLOCKED),
        ("::ffff:127.0.0.1", HostVerdict.BLOCKED),
    ],
)
async def test_hosts_are_judged(host: str, verdict: HostVerdict) -> None:
    assert await resolver().check_host(host) is verdict


async def test_only_addresses_that_may_be_crawled_are_handed_out() -> None:
    assert await resolver().resolve("mixed.example") == [ip_address("8.8.8.8")]
    allowed = await resolver(allow="127.0.0.0/8").resolve("mixed.example")
    assert allowed == [ip_address("127.0.0.1"), ip_address("8.8.8.8")]


async def test_a_blocked_host_is_final_and_an_unknown_one_is_not() -> None:
    with pytest.raises(BlockedAddressError) as blocked:
        await resolver().resolve("private.example")
    assert (blocked.value.code, blocked.value.retryable) == (ErrorCode.BLOCKED_ADDRESS, False)
    with pytest.raises(UnresolvedHostError, match="Name or service not known") as unknown:
        await resolver().resolve("unknown.example")
    assert (unknown.value.code, unknown.value.retryable) == (ErrorCode.UNREACHABLE, True)


async def test_a_silent_name_server_is_not_waited_for() -> None:
    async def silent(_host: str) -> Sequence[IPAddress]:
        await asyncio.Event().wait()
        raise AssertionError

    slow = Resolver(lookup=silent, timeout_seconds=0.01)
    with pytest.raises(UnresolvedHostError, match="in time"):
        await slow.resolve("slow.example")


async def test_a_literal_is_not_looked_up() -> None:
    names = Names()
    await resolver(names).check_host("8.8.8.8")
    assert names.asked == []


async def test_the_client_gets_what_it_connects_to_with_one_lookup() -> None:
    names = Names(mixed=["127.0.0.1", "8.8.8.8", "2606:4700::1"])
    rows = await GuardedResolver(resolver=resolver(names)).resolve("mixed.example", 443)
    assert [(row["host"], row["port"], row["family"]) for row in rows] == [
        ("8.8.8.8", 443, socket.AF_INET),
        ("2606:4700::1", 443, socket.AF_INET6),
    ]
    assert names.asked == ["mixed.example"]


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("fe80::1%lo", 80, 0, 1)),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 80, 0, 0)),
        (socket.AF_INET, ("not-an-address", 80)),
    ],
)
def test_no_socket_is_made_for_a_blocked_address(family: int, address: tuple[object, ...]) -> None:
    factory = SocketFactory(resolver=resolver())
    with pytest.raises(BlockedAddressError):
        factory((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address))


def test_a_socket_is_made_for_an_allowed_address() -> None:
    factory = SocketFactory(resolver=resolver(allow="127.0.0.0/8"))
    with factory((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))) as made:
        assert made.family is socket.AF_INET
