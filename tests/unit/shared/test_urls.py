from __future__ import annotations

import pytest

from shared.urls import MAX_URL_CHARS, InvalidUrlError, join_url, parse_web_url, url_key


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("HTTP://Example.COM/Path", "http://example.com/Path"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?b=1", "https://example.com/?b=1"),
        ("https://example.com/#part", "https://example.com/"),
        ("https://example.com/llms-full.txt#a?b", "https://example.com/llms-full.txt"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
        ("https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
        ("https://例え。テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://my_site.example/", "https://my_site.example/"),
        ("https://example.com/%7euser/%7Euser/~user", "https://example.com/~user/~user/~user"),
        ("https://example.com/%61%2fb", "https://example.com/a%2Fb"),
        ("https://example.com/é", "https://example.com/%C3%A9"),
        ("https://example.com/%c3%a9", "https://example.com/%C3%A9"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com/a/%2e%2E/b", "https://example.com/b"),
        ("https://example.com/../../a", "https://example.com/a"),
        ("https://example.com/a/..", "https://example.com/"),
        ("https://example.com/a/b/.", "https://example.com/a/b/"),
        ("https://example.com/a//b", "https://example.com/a//b"),
        ("https://example.com\\a\\b", "https://example.com/a/b"),
        ("https://example.com/?b=2&a=1", "https://example.com/?a=1&b=2"),
        ("https://example.com/?b=2&a=2&b=1&a=1", "https://example.com/?a=2&a=1&b=2&b=1"),
        ("https://example.com/?a&a=", "https://example.com/?a&a="),
        ("https://example.com/?&a=1&&", "https://example.com/?a=1"),
        ("https://example.com/?", "https://example.com/"),
        ("https://example.com/?utm_source=x&id=1&UTM_Medium=y", "https://example.com/?id=1"),
        ("https://example.com/?gclid=1&fbclid=2&msclkid=3&_ga=4&mc_eid=5", "https://example.com/"),
        ("https://example.com/?fbclid", "https://example.com/"),
        ("https://example.com/?utmost=1&gclids=2", "https://example.com/?gclids=2&utmost=1"),
        ("https://example.com/?q=%c3%a9&p=%7E", "https://example.com/?p=~&q=%C3%A9"),
        ("https://example.com/?q=a+b", "https://example.com/?q=a+b"),
        ("  https://example.com/a\n", "https://example.com/a"),
        ("https://exam\tple.com/a\r\nb", "https://example.com/ab"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f000001/", "http://127.0.0.1/"),
        ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
        ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
    ],
)
def test_a_page_has_one_key(spelling: str, key: str) -> None:
    assert url_key(spelling) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://example.com/a/"),
        ("https://example.com/a", "https://example.com/A"),
        ("https://example.com/a", "http://example.com/a"),
        ("https://example.com/a", "https://www.example.com/a"),
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com/a%3Fb", "https://example.com/a?b"),
        ("https://example.com/?a=1&a=2", "https://example.com/?a=2&a=1"),
        ("https://example.com/?a=%26b", "https://example.com/?a=&b"),
        ("https://example.com/?a=%2B", "https://example.com/?a=+"),
    ],
)
def test_different_pages_stay_apart(one: str, other: str) -> None:
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "http://"),
        ("example.com/a", "http://"),
        ("//example.com/a", "http://"),
        ("ftp://example.com/", "http://"),
        ("file:///etc/passwd", "http://"),
        ("javascript:alert(1)", "http://"),
        ("mailto:a@example.com", "http://"),
        ("http:example.com", "names no host"),
        ("http:///a", "names no host"),
        ("https://", "names no host"),
        ("https://user:secret@example.com/", "password"),
        ("https://@example.com/", "password"),
        ("https://example.com:70000/", "port"),
        ("https://example.com:0/", "port"),
        ("https://example.com:8a/", "port"),
        ("https://exa mple.com/", "characters"),
        ("https://exa%00mple.com/", "characters"),
        ("https://exa%2fmple.com/", "characters"),
        ("https://a..b/", "characters"),
        ("https://[::1/", "cannot be read"),
        ("https://[127.0.0.1]/", "no IPv6"),
        ("https://[fe80::1%25eth0]/", "interface"),
        ("https://1.2.3.4.5/", "IPv4"),
        ("https://256.1.1.1/", "IPv4"),
        ("https://host.0x100000000/", "IPv4"),
        ("https://" + "ü" * 80 + ".example/", "characters"),
        ("https://example.com/" + "a" * MAX_URL_CHARS, "longer"),
        ("https://example.com/" + "é" * (MAX_URL_CHARS // 3), "longer"),
    ],
)
def test_what_is_no_web_address_is_refused_with_a_sentence(text: str, hint: str) -> None:
    with pytest.raises(InvalidUrlError, match=hint) as caught:
        parse_web_url(text)
    assert str(caught.value).endswith(".")
    assert "secret" not in str(caught.value)


def test_what_is_fetched_is_what_was_written() -> None:
    url = parse_web_url("HTTPS://Example.com:443/%7eA/b?z=1&utm_source=x&a=%zz#f")
    assert url.href == "https://example.com/%7eA/b?z=1&utm_source=x&a=%zz"


def test_what_is_fetched_fits_into_a_request_line() -> None:
    url = parse_web_url('https://example.com/a b/é/./../"<x>"?q=ü "\udcfc')
    assert url.href == 'https://example.com/a%20b/"<x>"?q=%C3%BC%20"%FC'
    assert url.href.isascii()


def test_parts() -> None:
    url = parse_web_url("https://[2606:4700::1111]:8443/docs/%7Ea?b=1")
    assert (url.scheme, url.host, url.port, url.path) == ("https", "2606:4700::1111", 8443, "/docs/~a")
    assert url.site == "[2606:4700::1111]:8443"
    assert url.origin == "https://[2606:4700::1111]:8443"
    assert parse_web_url("http://example.com/").host_key == "http://example.com:80"
    assert parse_web_url("http://example.com/").origin == "http://example.com"


@pytest.mark.parametrize(
    ("reference", "href"),
    [
        ("b", "https://example.com/docs/b"),
        ("../b?x#y", "https://example.com/b?x"),
        ("/b", "https://example.com/b"),
        ("//other.example/b", "https://other.example/b"),
        ("?x=1", "https://example.com/docs/a?x=1"),
        (" https://other.example/ ", "https://other.example/"),
        ("", "https://example.com/docs/a"),
    ],
)
def test_references_are_resolved(reference: str, href: str) -> None:
    assert join_url("https://example.com/docs/a", reference).href == href


@pytest.mark.parametrize("reference", ["mailto:x@example.com", "https://[::1", "javascript:void(0)"])
def test_references_that_lead_nowhere_are_refused(reference: str) -> None:
    with pytest.raises(InvalidUrlError):
        join_url("https://example.com/docs/a", reference)
