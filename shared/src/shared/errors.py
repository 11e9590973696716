"""What can go wrong, told apart by what the caller should do about it.

Every error of the product carries a stable ``code`` (CONTRACT: new ones may be added, none changes its
meaning) and a sentence that tells a person what to do. A driver's own errors are translated at its door.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """The stable codes of failed work, as in ``jobs.error_code`` and ``failed_jobs.error_code``."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS_ERROR = "tls_error"
    HTTP_ERROR = "http_error"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BLOCKED_ADDRESS = "blocked_address"
    ROBOTS_DISALLOWED = "robots_disallowed"
    ROBOTS_UNAVAILABLE = "robots_unavailable"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    EMPTY_CONTENT = "empty_content"
    ENCRYPTED = "encrypted"
    CORRUPT_FILE = "corrupt_file"
    PARSER_TIMEOUT = "parser_timeout"
    PARSER_CRASHED = "parser_crashed"
    LEASE_LOST = "lease_lost"
    EMBEDDER_UNAVAILABLE = "embedder_unavailable"
    INTERNAL_ERROR = "internal_error"


class QuernError(Exception):
    """Base of every error that Quern raises on purpose."""


class WorkError(QuernError):
    """A unit of ingestion work failed: what the worker reports to the result-consumer.

    Attributes:
        code: the stable error code.
        sentence: what happened and what to do, for people.
        retryable: whether trying the same again later can help.
        http_status: the status of the answer, where there was one.
        retry_after_seconds: what the far side asked for (Retry-After), where it did.
    """

    def __init__(
        self,
        code: ErrorCode,
        sentence: str,
        *,
        retryable: bool,
        http_status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.retryable = retryable
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds


class DependencyError(QuernError):
    """One of our own servers did not do its part; ``dependency`` names it (postgres, nsqd, weaviate, embedder, blobs)."""

    def __init__(self, dependency: str, sentence: str) -> None:
        super().__init__(sentence)
        self.dependency = dependency


class DependencyUnavailableError(DependencyError):
    """The dependency is down or too slow: back off and try again, spending no attempt."""


class DependencyRejectedError(DependencyError):
    """The dependency refused this very request: trying the same again will not help."""
