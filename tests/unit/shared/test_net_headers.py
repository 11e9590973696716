from __future__ import annotations

import pytest

from shared.net.headers import MAX_HEADER_CHARS, header_problem


@pytest.mark.parametrize(
    "name", ["Authorization", "Cookie", "X-Token", "User-Agent", "Accept-Language", "Hosting"]
)
def test_headers_of_a_user_are_sent(name: str) -> None:
    assert header_problem(name, "Bearer abc=") is None


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "Proxy-Authorization", "If-None-Match", "CONNECTION"],
)
def test_headers_of_the_connection_are_refused(name: str) -> None:
    assert header_problem(name, "x") == f"The header {name} belongs to the connection and cannot be set."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("X\r\nY", "x"),
        ("X-Token", "secret\r\nHost: other"),
        ("X-Token", "secret\0"),
        ("X-Token", "secrét"),
        ("X-Token", "secret" * MAX_HEADER_CHARS),
    ],
)
def test_headers_that_would_break_the_request_are_refused_without_their_value(name: str, value: str) -> None:
    problem = header_problem(name, value)
    assert problem is not None
    assert "secret" not in problem
