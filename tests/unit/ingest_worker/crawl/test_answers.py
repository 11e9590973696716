from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest_worker.core.answers import canonical_link, content_type, retry_after_seconds, status_error
from shared.errors import ErrorCode

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 203, 204, 299])
def test_success(status: int) -> None:
    assert status_error("a.example", status, retry_after=None, now=NOW) is None


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (304, ErrorCode.HTTP_ERROR, False),
        (400, ErrorCode.HTTP_ERROR, False),
        (401, ErrorCode.HTTP_ERROR, False),
        (403, ErrorCode.HTTP_ERROR, False),
        (404, ErrorCode.HTTP_ERROR, False),
        (408, ErrorCode.HTTP_ERROR, True),
        (410, ErrorCode.HTTP_ERROR, False),
        (425, ErrorCode.HTTP_ERROR, True),
        (429, ErrorCode.RATE_LIMITED, True),
        (451, ErrorCode.HTTP_ERROR, False),
        (500, ErrorCode.HTTP_ERROR, True),
        (502, ErrorCode.HTTP_ERROR, True),
        (503, ErrorCode.HTTP_ERROR, True),
        (599, ErrorCode.HTTP_ERROR, True),
        (999, ErrorCode.HTTP_ERROR, True),
    ],
)
def test_no_success(status: int, code: ErrorCode, *, retryable: bool) -> None:
    error = status_error("a.example", status, retry_after="5", now=NOW)
    assert error is not None
    assert (error.code, error.retryable, error.http_status) == (code, retryable, status)
    assert error.retry_after_seconds == (5 if retryable else None)
    assert error.sentence.startswith(f"a.example answered {status}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 1.5 ", 1.5),
        ("-3", 0),
        ("Sat, 31 Jan 2026 12:02:00 GMT", 120),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("Saturday, 31-Jan-26 12:02:00 GMT", 120),
        ("Sat, 31 Jan 2026 12:02:00 -0000", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("9" * 400, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("", None)),
        ("text/html", ("text/html", None)),
        ("Text/HTML; Charset=UTF-8", ("text/html", "utf-8")),
        ('text/html;charset="iso-8859-1"; x=y', ("text/html", "iso-8859-1")),
        ("text/html; charset=", ("text/html", None)),
        ("; charset=utf-8", ("", "utf-8")),
        ("text/html; xcharset=a", ("text/html", None)),
    ],
)
def test_content_types(value: str | None, expected: tuple[str, str | None]) -> None:
    assert content_type(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (['<https://b.example/c>; rel="canonical"'], "https://b.example/c"),
        (["</c>; rel=canonical"], "https://a.example/c"),
        (["</style.css>; rel=preload, </c>; rel=canonical"], "https://a.example/c"),
        (['</x>; rel="next"', '</c>; type=text/html; rel="shortlink canonical"'], "https://a.example/c"),
        (["<ftp://b.example/>; rel=canonical"], None),
        (["</x>; rel=canonicalized"], None),
        (["</x>; title=canonical"], None),
        (["<<<>>>;;;,,,"], None),
    ],
)
def test_canonical_links(values: list[str], expected: str | None) -> None:
    assert canonical_link(values, "https://a.example/p/q") == expected
