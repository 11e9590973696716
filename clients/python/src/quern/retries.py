"""Whether and when to try a request again: a decision over numbers, without clock or network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Only for requests that may be repeated, and only after a broken connection or a 503.

    Attributes:
        attempts: tries in all.
        base_seconds: the wait before the second try; doubles with each further one.
        max_wait_seconds: a longer wait, asked for or computed, is not taken: the error is handed on instead.
    """

    attempts: int = 3
    base_seconds: float = 0.25
    max_wait_seconds: float = 10.0

    def wait_seconds(self, tried: int, retry_after_seconds: float | None, jitter: float) -> float | None:
        """How long to wait before the next try; None to give up.

        Args:
            tried: how many tries there were.
            retry_after_seconds: what the gateway asked for (RFC 9110, 10.2.3).
            jitter: 0 to 1; spreads the tries of many clients over half of the wait.
        """
        if tried >= self.attempts:
            return None
        wait = self.base_seconds * 2.0 ** (tried - 1) * (1 + jitter / 2)
        wait = max(wait, retry_after_seconds or 0.0)
        return wait if wait <= self.max_wait_seconds else None
