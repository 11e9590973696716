from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from janitor.config import JanitorSettings
from janitor.core.webhooks import Outcome, RetryLimits, answered, excerpt, pause_seconds

LIMITS = RetryLimits(max_attempts=8, base_seconds=20, max_seconds=43_200)


def pauses(limits: RetryLimits) -> list[float]:
    found = (
        pause_seconds(limits, attempt=attempt, retry_after_seconds=None, jitter=0)
        for attempt in range(1, limits.max_attempts + 1)
    )
    return [pause for pause in found if pause is not None]


def test_the_usual_pauses_end_within_a_day() -> None:
    assert pauses(LIMITS) == [20, 80, 320, 1280, 5120, 20_480, 43_200]
    assert sum(pauses(LIMITS)) < 86_400


@given(
    attempt=st.integers(1, 10_000),
    asked=st.none() | st.floats(0, 1e9),
    jitter=st.floats(-1, 1),
)
def test_no_pause_is_longer_than_the_longest_nor_shorter_than_was_asked_for(
    attempt: int, asked: float | None, jitter: float
) -> None:
    limits = RetryLimits(max_attempts=20_000, base_seconds=20, max_seconds=3600)
    pause = pause_seconds(limits, attempt=attempt, retry_after_seconds=asked, jitter=jitter)
    assert pause is not None
    assert 16 <= pause <= 3600
    assert pause >= min(asked or 0, 3600)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_alone_is_taken(status: int) -> None:
    assert answered(status, b"", None).delivered


@pytest.mark.parametrize(
    ("status", "code"), [(300, "redirected"), (304, "redirected"), (308, "redirected"), (400, "http_error")]
)
def test_everything_else_is_not(status: int, code: str) -> None:
    outcome = answered(status, b"no", None)
    assert (outcome.delivered, outcome.error_code, outcome.response) == (False, code, "no")


def test_410_means_for_good() -> None:
    assert answered(410, b"", None).gone
    assert not answered(404, b"", None).gone


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5.0), ("0", 0.0), (None, None), ("-1", None), ("1e9", None), ("soon", None), ("9" * 400, None)],
)
def test_retry_after_in_seconds_is_read(header: str | None, seconds: float | None) -> None:
    assert answered(503, b"", header).retry_after_seconds == seconds


@given(st.binary(max_size=5000))
def test_any_answer_becomes_short_text_that_can_be_stored(response: bytes) -> None:
    text = excerpt(response)
    assert len(text) <= 500
    assert "\x00" not in text
    assert "\x1b" not in text
    text.encode()


def test_a_try_as_people_see_it() -> None:
    assert Outcome(http_status=200).facts(0.0123) == {
        "duration_ms": 12,
        "http_status": 200,
        "error_code": None,
        "error": None,
        "response": None,
    }


@pytest.mark.parametrize(
    "contradiction",
    [
        {"WEBHOOK_TIMEOUT_SECONDS": "10", "WEBHOOK_LEASE_SECONDS": "10"},
        {"WEBHOOK_RETRY_BASE_SECONDS": "11", "WEBHOOK_RETRY_MAX_SECONDS": "10"},
        {"WEBHOOK_RETRY_MAX_SECONDS": "20", "WEBHOOK_REMEMBERED_SECONDS": "20"},
        {"WEBHOOK_PER_HOST": "17", "WEBHOOK_PER_TENANT": "16"},
        {"WEBHOOK_PER_TENANT": "65", "WEBHOOK_AT_ONCE": "64"},
    ],
)
def test_contradictory_settings_are_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch, contradiction: dict[str, str]
) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", "postgresql://u:p@127.0.0.1/db")
    JanitorSettings()
    for name, value in contradiction.items():
        monkeypatch.setenv(f"QUERN_{name}", value)
    with pytest.raises(ValidationError) as caught:
        JanitorSettings()
    for name, value in contradiction.items():
        assert f"QUERN_{name}={value}" in str(caught.value)


def test_short_keys_are_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", "postgresql://u:p@127.0.0.1/db")
    monkeypatch.setenv("QUERN_SEAL_KEYS", f"{'k' * 32}, too-short-a-key")
    with pytest.raises(ValidationError) as caught:
        JanitorSettings()
    assert "key 2 has 15 characters" in str(caught.value)
    assert "too-short" not in str(caught.value)
    monkeypatch.setenv("QUERN_SEAL_KEYS", f"{'k' * 32}, {'l' * 40}")
    assert JanitorSettings().sealing_keys == ("k" * 32, "l" * 40)
