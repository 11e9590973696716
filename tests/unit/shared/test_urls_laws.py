from __future__ import annotations

import string
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from shared.urls import InvalidUrlError, WebUrl, parse_web_url, url_key

if TYPE_CHECKING:
    from random import Random

_names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
_hosts = st.builds("{}.example".format, _names)
_segments = st.lists(st.text(max_size=6).filter(lambda text: text not in (".", "..")), max_size=4)
_parameters = st.dictionaries(_names, st.text(max_size=5), max_size=4)
_seeds = st.randoms(use_true_random=False)


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _spell(text: str, random: Random) -> str:
    """The same text, each character escaped in one way or another, or bare where it may be."""
    spelled = []
    for char in text:
        escaped = _escaped(char)
        choices = [escaped, escaped.lower()]
        if char in string.ascii_letters + string.digits + "-_~":
            choices.append(char)
        spelled.append(random.choice(choices))
    return "".join(spelled)


def _url(host: str, segments: list[str], parameters: dict[str, str], random: Random) -> str:
    """One of the many spellings of a page."""
    path = ""
    for segment in segments:
        path += random.choice(["/", "/", "/./", "/x/../", "/x/%2E%2e/"]) + _spell(segment, random)
    pairs = [f"{name}={_spell(value, random)}" for name, value in parameters.items()]
    pairs += random.choice([[], ["utm_source=a"], ["fbclid=1", "utm_id=2"]])
    random.shuffle(pairs)
    scheme = random.choice(["https", "HTTPS", "hTTps"])
    shown = random.choice([host, host.upper(), host + ".", host + ":443", _spell(host, random)])
    query = "?" + "&".join(pairs) if pairs else random.choice(["", "?"])
    return f"{scheme}://{shown}{path or random.choice(['', '/'])}{query}{random.choice(['', '#x', '#?y'])}"


@given(_hosts, _segments, _parameters, _seeds, _seeds)
def test_equivalent_spellings_have_one_key(
    host: str, segments: list[str], parameters: dict[str, str], one: Random, other: Random
) -> None:
    assert url_key(_url(host, segments, parameters, one)) == url_key(_url(host, segments, parameters, other))


@given(_hosts, _segments, _parameters, _seeds)
def test_a_key_keeps_the_meaning(
    host: str, segments: list[str], parameters: dict[str, str], random: Random
) -> None:
    scheme, _, rest = url_key(_url(host, segments, parameters, random)).partition("://")
    place, _, query = rest.partition("?")
    found, *path = place.split("/")
    assert (scheme, found) == ("https", host)
    assert [unquote(part) for part in path] == (segments or [""])
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    assert {name: unquote(value) for name, _, value in pairs} == parameters
    assert [name for name, _, _ in pairs] == sorted(parameters)


def _parsed(text: str) -> WebUrl | None:
    try:
        return parse_web_url(text)
    except InvalidUrlError:
        return None


_anything = st.one_of(
    st.text(max_size=80),
    st.builds("http://{}/{}".format, st.text(max_size=20), st.text(max_size=40)),
    st.builds(
        "https://a.example/{}?{}".format,
        st.text("ab/.%2eEfF\\", max_size=30),
        st.text("ab&=%;+é", max_size=30),
    ),
)


@given(_anything)
@example("http://a.example/%\ud800?\udcff")
@example("http://a.example/%2%35")
def test_keys_and_hrefs_are_stable(text: str) -> None:
    url = _parsed(text)
    if url is not None:
        assert url_key(url.key) == url.key
        again = parse_web_url(url.href)
        assert (again.href, again.key) == (url.href, url.key)
        assert url.key.isascii()
        assert url.href.isascii()
        assert not set(url.href) & set(string.whitespace)
        assert "#" not in url.key
