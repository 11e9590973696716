from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.queue import PublishRejectedError, QueueRejectedError
from shared.queue.rules import (
    backoff_seconds,
    check_body,
    check_name,
    check_topic,
    ready_shares,
    requeue_ms,
    split_batches,
)


@pytest.mark.parametrize("name", ["ingest.task", "a", "A-b_c.9", "x" * 64, "temporary#ephemeral"])
def test_names_that_nsqd_takes(name: str) -> None:
    check_name("topic", name)
    check_topic(name)


@pytest.mark.parametrize(
    "name", ["", "a b", "a\n", "x" * 65, "ü", "a#other", "#ephemeral", "x" * 60 + "#ephemeral"]
)
def test_names_that_nsqd_refuses(name: str) -> None:
    with pytest.raises(QueueRejectedError):
        check_name("topic", name)
    with pytest.raises(PublishRejectedError):
        check_topic(name)


def test_bodies() -> None:
    check_body(b"x" * 10, max_msg_bytes=10)
    for body in (b"", b"x" * 11, "text", bytearray(b"x")):
        with pytest.raises(PublishRejectedError):
            check_body(body, max_msg_bytes=10)  # type: ignore[arg-type]  # the mistake under test


@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(54, 300), st.integers(1, 10))
def test_batches_hold_everything_once_in_order_and_within_the_limits(
    bodies: list[bytes],
    max_body_bytes: int,
    max_messages: int,
) -> None:
    batches = list(split_batches(bodies, max_body_bytes=max_body_bytes, max_messages=max_messages))
    assert [body for batch in batches for body in batch] == bodies
    for batch in batches:
        assert 0 < len(batch) <= max_messages
        assert 4 + sum(4 + len(body) for body in batch) <= max_body_bytes or len(batch) == 1


@given(st.integers(-5, 10_000), st.floats(0, 100), st.floats(0, 1000), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_nothing_and_its_cap(tries: int, base: float, cap: float, dice: float) -> None:
    assert 0 <= backoff_seconds(tries, base_seconds=base, max_seconds=cap, dice=dice) <= cap


def test_backoff_doubles() -> None:
    delays = [
        backoff_seconds(tries, base_seconds=1, max_seconds=10, dice=0.5) for tries in (1, 2, 3, 4, 5, 99)
    ]
    assert delays == [1, 2, 4, 8, 10, 10]
    assert backoff_seconds(1, base_seconds=1, max_seconds=10, dice=0) == pytest.approx(0.8)


def test_delays_are_milliseconds_within_what_nsqd_allows() -> None:
    assert [requeue_ms(seconds, max_seconds=3600) for seconds in (-1, 0, 0.05, 1, 7200)] == [
        0,
        0,
        50,
        1000,
        3_600_000,
    ]


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 20), st.integers(0, 1000))
def test_shares_never_exceed_the_limit(in_flight: list[int], limit: int, turn: int) -> None:
    shares = ready_shares(in_flight, max_in_flight=limit, turn=turn)
    assert len(shares) == len(in_flight)
    if len(in_flight) > limit:
        others = sum(1 for share, busy in zip(shares, in_flight, strict=True) if busy and not share)
        assert sum(shares) + min(others, limit) <= limit
    elif in_flight:
        assert sum(shares) == limit
        assert max(shares) - min(shares) <= 1


@given(st.integers(2, 12), st.integers(1, 11))
def test_every_connection_gets_its_turn(count: int, limit: int) -> None:
    served = {
        index
        for turn in range(count)
        for index, share in enumerate(ready_shares([0] * count, max_in_flight=limit, turn=turn))
        if share
    }
    assert served == set(range(count))
