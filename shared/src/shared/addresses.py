"""Which network addresses may be fetched from: the guard against requests forged towards our own network.

The table is our own. ``ipaddress.is_global`` answers differently from one Python release to the next, and it
calls global some ranges that no web site lives in.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), plus what is reachable from inside
# a machine or a cloud only.
_REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network (RFC 791); Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",  # private use (RFC 1918)
        "100.64.0.0/10",  # shared address space of carriers (RFC 6598); holds a cloud's metadata address
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # a cloud's platform service, public by number, internal by routing
        "169.254.0.0/16",  # link local (RFC 3927); holds the metadata address of most clouds
        "172.16.0.0/12",  # private use (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890); holds a cloud's metadata address
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays, withdrawn (RFC 7526)
        "192.168.0.0/16",  # private use (RFC 1918)
        "198.18.0.0/15",  # benchmarking (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 1112)
        "240.0.0.0/4",  # reserved (RFC 1112), the limited broadcast (RFC 8190) included
    )
)
# Everything else that IPv6 has lies outside of 2000::/3, the one range given out as global unicast.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments (RFC 2928): Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056), withdrawn: a relay would unpack the IPv4 address inside
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291: the system connects to the IPv4 address inside
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: a translator connects to the IPv4 address inside
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: the interface id carries an IPv4 address

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_V4_MAX = 2**32 - 1
_V4_PARTS = 4


def parse_networks(text: str) -> tuple[IPNetwork, ...]:
    """Read a setting such as ``127.0.0.0/8, fd00::/8``.

    Raises:
        ValueError: a part is not a network.
    """
    return tuple(ip_network(part) for part in re.split(r"[\s,]+", text) if part)


def is_allowed(ip: IPAddress, allow_networks: Sequence[IPNetwork] = ()) -> bool:
    """Whether the crawler may connect to ``ip``: it is public, or inside one of ``allow_networks``.

    An address that carries another one (IPv4-mapped, NAT64) is judged by the one inside as well.
    """
    if isinstance(ip, IPv6Address):
        ip = _unwrapped(ip)
    if any(ip in network for network in allow_networks):
        return True
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _REFUSED_V4)
    if ip in _NAT64:
        return is_allowed(_tail(ip), allow_networks)
    if ip not in _GLOBAL_V6 or any(ip in network for network in _REFUSED_V6):
        return False
    if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return is_allowed(_tail(ip), allow_networks)
    return True


def parse_ip_literal(host: str) -> IPAddress | None:
    """The address that ``host`` spells, or None for a name.

    Takes every spelling that a resolver or a browser takes: ``127.1``, ``2130706433``, ``0x7f.0.0.1``,
    ``0177.0.0.1`` (WHATWG URL, section 3.5), ``[::1]``, ``::1%lo``.
    """
    if ":" in host:
        return _parse_v6(host.removeprefix("[").removesuffix("]"))
    return _parse_v4(host)


def ends_in_number(host: str) -> bool:
    """Whether the last label is a number, so that the host is an IPv4 address or nothing (WHATWG URL)."""
    label = host.removesuffix(".").rpartition(".")[2]
    return _NUMBER.fullmatch(label) is not None


def _parse_v6(text: str) -> IPAddress | None:
    try:
        return _unwrapped(IPv6Address(text))
    except ValueError:
        return None


def _parse_v4(host: str) -> IPv4Address | None:
    parts = host.removesuffix(".").split(".")
    if len(parts) > _V4_PARTS:
        return None
    numbers = [_number(part) for part in parts]
    *heads, last = numbers
    if last is None or last >= 256 ** (_V4_PARTS - len(heads)):
        return None
    value = last
    for index, head in enumerate(heads):
        if head is None or head > 255:  # noqa: PLR2004  (an octet)
            return None
        value += head << 8 * (3 - index)
    return IPv4Address(value)


def _number(text: str) -> int | None:
    """One part of an IPv4 address: hexadecimal, octal or decimal, as ``inet_aton`` reads it."""
    if len(text) > 64 or not _NUMBER.fullmatch(text):  # noqa: PLR2004  (no address needs more digits)
        return None
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text[0] == "0":
        return int(text, 8) if text.strip("01234567") == "" else None
    return int(text)


def _unwrapped(ip: IPv6Address) -> IPAddress:
    return _tail(ip) if ip in _MAPPED else ip


def _tail(ip: IPv6Address) -> IPv4Address:
    return IPv4Address(int(ip) & _V4_MAX)
