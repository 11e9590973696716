from __future__ import annotations

import pytest

from ingest_worker.core.fetching import Redirect
from ingest_worker.core.redirects import may_receive, next_hop, permanent_target
from shared.errors import ErrorCode, WorkError
from shared.urls import parse_web_url

FIRST = parse_web_url("https://example.com/a")


def hop(location: str | None, *passed: str, at: str = "https://example.com/a", limit: int = 3) -> str:
    hops = [Redirect(302, target) for target in passed]
    return next_hop(parse_web_url(at), 302, location, hops=hops, first=FIRST, limit=limit).href


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://example.com/b"),
        ("b#c", "https://example.com/b"),
        ("http://other.example", "http://other.example/"),
        ("//other.example/x", "https://other.example/x"),
        ("/é", "https://example.com/%C3%A9"),
        ("/\udce9", "https://example.com/%E9"),
        ("http://2130706433/", "http://127.0.0.1/"),
    ],
)
def test_the_next_address(location: str, target: str) -> None:
    assert hop(location) == target


@pytest.mark.parametrize(
    "location",
    [None, "", "ftp://example.com/", "file:///etc/passwd", "https://u:p@example.com/", "http://[::"],
)
def test_a_redirect_to_nowhere_is_an_error_of_the_site(location: str | None) -> None:
    with pytest.raises(WorkError) as caught:
        hop(location)
    error = caught.value
    assert (error.code, error.retryable, error.http_status) == (ErrorCode.HTTP_ERROR, False, 302)
    assert error.sentence.endswith(".")
    assert ".." not in error.sentence


@pytest.mark.parametrize(
    "passed", [(), ("https://example.com/b",), ("https://example.com/b", "https://example.com/c")]
)
def test_a_circle_ends(passed: tuple[str, ...]) -> None:
    for location in ("/a", *passed):
        with pytest.raises(WorkError, match="circle") as caught:
            hop(location, *passed)
        assert (caught.value.code, caught.value.retryable) == (ErrorCode.TOO_MANY_REDIRECTS, False)


def test_a_long_chain_ends() -> None:
    assert hop("/3", "https://example.com/1", "https://example.com/2")
    with pytest.raises(WorkError, match="more than 3") as caught:
        hop("/4", "https://example.com/1", "https://example.com/2", "https://example.com/3")
    assert caught.value.code is ErrorCode.TOO_MANY_REDIRECTS


@pytest.mark.parametrize("location", ["/%61", "/a?utm_source=x", "/b/../a?utm_source=y"])
def test_another_spelling_of_the_same_page_is_a_step_forward(location: str) -> None:
    target = next_hop(FIRST, 301, location, hops=(), first=FIRST, limit=3)
    assert target.key == FIRST.key


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), None),
        ((301,), "1"),
        ((308, 301), "2"),
        ((301, 302, 301), "1"),
        ((302, 301), None),
        ((307,), None),
        ((303, 308), None),
    ],
)
def test_how_far_a_move_is_for_good(statuses: tuple[int, ...], expected: str | None) -> None:
    assert permanent_target([Redirect(status, str(n)) for n, status in enumerate(statuses, 1)]) == expected


@pytest.mark.parametrize(
    ("url", "owner", "expected"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("https://a.example/", "https://a.example:443/", True),
        ("https://a.example/", "http://a.example/", True),
        ("http://a.example/", "https://a.example/", False),
        ("https://a.example:8443/", "https://a.example/", False),
        ("https://a.example/", "http://a.example:8080/", False),
        ("https://b.example/", "https://a.example/", False),
        ("https://sub.a.example/", "https://a.example/", False),
    ],
)
def test_who_may_receive_secrets(url: str, owner: str, *, expected: bool) -> None:
    assert may_receive(parse_web_url(url), parse_web_url(owner)) is expected
