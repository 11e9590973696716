"""Names to addresses that may be connected to: each name is looked up once, judged, and connected to as judged."""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from aiohttp.abc import AbstractResolver, ResolveResult

from shared.addresses import is_allowed, parse_ip_literal
from shared.net.errors import BlockedAddressError, UnresolvedHostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.addresses import IPAddress, IPNetwork
    from shared.net.lookup import Lookup


class HostVerdict(StrEnum):
    """What is known about a host before anything is fetched from it."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNRESOLVED = "unresolved"


class Resolver:
    """Looks names up and lets only such addresses pass as may be crawled.

    Args:
        lookup: finds the addresses of a name.
        allow_networks: private networks that may be crawled all the same.
        timeout_seconds: for one name.
    """

    def __init__(
        self, *, lookup: Lookup, allow_networks: Sequence[IPNetwork] = (), timeout_seconds: float = 10.0
    ) -> None:
        self._lookup = lookup
        self._allow_networks = tuple(allow_networks)
        self._timeout_seconds = timeout_seconds

    async def resolve(self, host: str) -> list[IPAddress]:
        """The addresses of ``host`` that may be connected to, the preferred first; never empty.

        Raises:
            BlockedAddressError: it has addresses, but none that may be crawled.
            UnresolvedHostError: it has no address, or the lookup took too long.
        """
        allowed = [ip for ip in await self._addresses(host) if self.allows(ip)]
        if not allowed:
            raise BlockedAddressError(host)
        return allowed

    async def check_host(self, host: str) -> HostVerdict:
        """Judge a host that somebody wants to have crawled; an IP literal is judged in any spelling."""
        try:
            await self.resolve(host)
        except BlockedAddressError:
            return HostVerdict.BLOCKED
        except UnresolvedHostError:
            return HostVerdict.UNRESOLVED
        return HostVerdict.ALLOWED

    def allows(self, ip: IPAddress) -> bool:
        """Whether ``ip`` may be connected to."""
        return is_allowed(ip, self._allow_networks)

    async def _addresses(self, host: str) -> Sequence[IPAddress]:
        literal = parse_ip_literal(host)
        if literal is not None:
            return [literal]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                found = await self._lookup(host)
        except TimeoutError:
            raise UnresolvedHostError(host, "the name servers did not answer in time") from None
        except OSError as error:
            raise UnresolvedHostError(host, error.strerror or str(error)) from error
        if not found:
            raise UnresolvedHostError(host, "it has no address")
        return found


class GuardedResolver(AbstractResolver):
    """aiohttp's view of a :class:`Resolver`: the connection goes to an address that was judged.

    There is no second lookup between the judgement and the connection, so a name that changes its address in
    between (DNS rebinding) gains nothing. aiohttp asks no resolver about IP literals: what judges those, and
    every address once more, is :class:`SocketFactory`.
    """

    def __init__(self, *, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See :meth:`Resolver.resolve`; raises the same."""
        addresses = await self._resolver.resolve(host)
        return [_result(host, port, ip) for ip in addresses if family in (socket.AF_UNSPEC, _family(ip))]

    async def close(self) -> None:
        """Nothing is held open."""


class SocketFactory:
    """Makes the socket of each connection, and refuses one to an address that may not be connected to.

    The last door: aiohttp calls it with the very address that it then connects to.
    """

    def __init__(self, *, resolver: Resolver) -> None:
        self._resolver = resolver

    def __call__(
        self,
        addr_info: tuple[socket.AddressFamily | int, socket.SocketKind | int, int, str, tuple[object, ...]],
    ) -> socket.socket:
        """Make a socket for a row as of ``getaddrinfo``.

        Raises:
            BlockedAddressError: the address may not be connected to.
        """
        family, kind, protocol, _, address = addr_info
        ip = parse_ip_literal(str(address[0]))
        if ip is None or not self._resolver.allows(ip):
            _refuse(str(address[0]))
        return socket.socket(family, kind, protocol)


def _refuse(host: str) -> NoReturn:
    raise BlockedAddressError(host)


def _family(ip: IPAddress) -> socket.AddressFamily:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004  (IPv4)


def _result(host: str, port: int, ip: IPAddress) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(ip),
        port=port,
        family=_family(ip),
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
