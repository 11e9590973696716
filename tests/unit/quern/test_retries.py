from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quern.answers import retry_after_seconds
from quern.retries import RetryPolicy


@given(
    attempts=st.integers(1, 6),
    retry_after=st.none() | st.floats(0, 100),
    jitter=st.floats(0, 1),
)
def test_tries_are_bounded_and_waits_grow(attempts: int, retry_after: float | None, jitter: float) -> None:
    policy = RetryPolicy(attempts=attempts, base_seconds=0.5, max_wait_seconds=8.0)
    waits = [policy.wait_seconds(tried, retry_after, jitter) for tried in range(1, attempts + 2)]
    assert waits[attempts - 1 :] == [None, None]
    taken = [wait for wait in waits if wait is not None]
    assert taken == sorted(taken)
    assert all((retry_after or 0) <= wait <= 8.0 for wait in taken)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        (
            {"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            30.0,
        ),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(httpx.Response(503, headers=headers)) == seconds
