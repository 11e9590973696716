"""What becomes of a delivery after a try. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from shared.retry import JITTER

_FACTOR: Final = 4
_MOST_STEPS: Final = 15
_EXCERPT_CHARS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a receiver took a message.

    Attributes:
        http_status: of its answer; None where there was none.
        error_code: None where it was delivered.
        error: a sentence for people.
        response: the beginning of what a receiver said that did not take it.
        retry_after_seconds: what it asked for.
    """

    http_status: int | None = None
    error_code: str | None = None
    error: str | None = None
    response: str | None = None
    retry_after_seconds: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether it was taken."""
        return self.error_code is None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more (Standard Webhooks: 410)."""
        return self.http_status == HTTPStatus.GONE

    def facts(self, seconds: float) -> dict[str, Any]:
        """The try as people see it."""
        return {
            "duration_ms": round(seconds * 1000),
            "http_status": self.http_status,
            "error_code": self.error_code,
            "error": self.error,
            "response": self.response,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """Tries of a delivery, and the pauses between them in seconds: four times as long each time."""

    max_attempts: int
    base_seconds: float
    max_seconds: float


def answered(status: int, response: bytes, retry_after: str | None) -> Outcome:
    """Of an answer: 2xx alone means that it was taken; redirects are not followed."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(http_status=status)
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    return Outcome(
        http_status=status,
        error_code="redirected" if redirected else "http_error",
        error=(
            f"The receiver answered with a redirect ({status}), which is not followed: give the address that it leads to."
            if redirected
            else f"The receiver answered with status {status}."
        ),
        response=excerpt(response) or None,
        retry_after_seconds=float(retry_after)
        if retry_after and retry_after.isdecimal() and len(retry_after) <= 9  # noqa: PLR2004  (decades)
        else None,
    )


def excerpt(response: bytes) -> str:
    """The beginning of an answer as text that can be stored and shown."""
    text = response.decode("utf-8", "replace")
    kept = (char if char in "\n\t" or unicodedata.category(char)[0] != "C" else " " for char in text)
    return "".join(kept)[:_EXCERPT_CHARS].strip()


def pause_seconds(
    limits: RetryLimits, *, attempt: int, retry_after_seconds: float | None, jitter: float
) -> float | None:
    """Seconds until the next try after ``attempt`` (from 1) has failed; None where that was the last.

    Args:
        limits: of tries and pauses.
        attempt: which one has failed.
        retry_after_seconds: what the receiver asked for: honoured where it is longer, up to the longest pause.
        jitter: from -1 to 1; the pause varies by a fifth.
    """
    if attempt >= limits.max_attempts:
        return None
    pause = limits.base_seconds * _FACTOR ** min(attempt - 1, _MOST_STEPS) * (1 + JITTER * jitter)
    return float(min(max(pause, retry_after_seconds or 0.0), limits.max_seconds))
