from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import ends_in_number, is_allowed, parse_ip_literal, parse_networks

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:53aa:64c:0:0:f5ff:fffe",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2606:4700::5efe:808:808",
    "3ffe::1",
]
LOOPBACK = parse_networks("127.0.0.0/8")


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    assert not is_allowed(ip_address(text))


@pytest.mark.parametrize("text", ALLOWED)
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ip_address(text))


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "8.8.8.8"])
def test_an_allowed_network_opens_itself(text: str) -> None:
    assert is_allowed(ip_address(text), LOOPBACK)


@pytest.mark.parametrize("text", ["10.0.0.1", "::1", "169.254.169.254", "2002:7f00:1::", "::7f00:1"])
def test_an_allowed_network_opens_nothing_else(text: str) -> None:
    assert not is_allowed(ip_address(text), LOOPBACK)


def test_allowed_networks_of_ipv6() -> None:
    assert is_allowed(IPv6Address("fd00::1"), parse_networks("fd00::/8"))
    assert not is_allowed(IPv6Address("fe80::1"), parse_networks("fd00::/8"))


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_alike(inner: IPv4Address) -> None:
    verdict = is_allowed(inner)
    assert is_allowed(IPv6Address(f"::ffff:{inner}")) == verdict
    assert is_allowed(IPv6Address(f"64:ff9b::{inner}")) == verdict
    assert not is_allowed(IPv6Address(int(inner)))
    assert not is_allowed(IPv6Address((0x2002 << 112) | (int(inner) << 80) | 1))


@given(st.ip_addresses())
def test_nothing_is_allowed_that_python_calls_private(ip: IPv4Address | IPv6Address) -> None:
    if ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        assert not is_allowed(ip) or getattr(ip, "ipv4_mapped", None) is not None


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_ipv4_address_is_read(ip: IPv4Address) -> None:
    number = int(ip)
    a, b, c, d = number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255
    for spelling in (
        str(ip),
        f"{ip}.",
        str(number),
        hex(number),
        f"0X{number:X}",
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{c << 8 | d}",
        f"{a:#x}.0{b:o}.{c:#010x}.{d}",
    ):
        assert parse_ip_literal(spelling) == ip, spelling
        assert ends_in_number(spelling)
    for spelling in (f"::ffff:{ip}", f"[::FFFF:{ip}]", f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"):
        assert parse_ip_literal(spelling) == ip, spelling


@given(st.ip_addresses(v=6))
def test_ipv6_literals_are_read(ip: IPv6Address) -> None:
    if ip.ipv4_mapped is None:
        assert parse_ip_literal(str(ip)) == ip
        assert parse_ip_literal(f"[{ip.exploded}]") == ip
        zoned = parse_ip_literal(f"{ip}%lo")
        assert zoned is not None
        assert int(zoned) == int(ip)


NAMES = [
    ".",
    "example.com",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.256",
    "4294967296",
    "1.16777216",
    "09",
    "1.2.x.4",
    "1..2",
    "-1",
    "+1",
    "1_0",
    "0x1g",
    "1e3",
    ":",
    "::g",
    "1:2",
    "[",
    "::1]::",
    "a:80",
    "127.0.0.1:80",
]


@pytest.mark.parametrize("host", ["", "\u0661", "0x" + "f" * 100, "9" * 5000, *NAMES])
def test_what_is_no_literal_is_none(host: str) -> None:
    assert parse_ip_literal(host) is None


@pytest.mark.parametrize(
    ("host", "expected"), [("a.1", True), ("a.0x1f", True), ("1.a", False), ("a1", False)]
)
def test_hosts_that_end_in_a_number(host: str, *, expected: bool) -> None:
    assert ends_in_number(host) is expected


def test_networks_are_read_from_a_setting() -> None:
    assert [str(network) for network in parse_networks(" 127.0.0.0/8, fd00::/8\n10.1.2.3 ")] == [
        "127.0.0.0/8",
        "fd00::/8",
        "10.1.2.3/32",
    ]
    assert parse_networks("") == ()
    with pytest.raises(ValueError, match="nonsense"):
        parse_networks("nonsense")
