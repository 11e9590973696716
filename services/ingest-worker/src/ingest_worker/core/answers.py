"""Reading the head of an answer: its status as success or error, and the headers that matter."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from shared.errors import ErrorCode, WorkError
from shared.urls import InvalidUrlError, join_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_RETRYABLE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_SERVER_ERRORS = 500

_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9_.:+-]+)""", re.IGNORECASE)
_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_CANONICAL = re.compile(r""";\s*rel\s*=\s*(?:"[^"]*\bcanonical\b[^"]*"|canonical\b)""", re.IGNORECASE)


def status_error(host: str, status: int, *, retry_after: str | None, now: datetime) -> WorkError | None:
    """The error that ``status`` means, or None for 2xx.

    408, 425 and 5xx may pass, 429 will; anything else that is no success is final. Retry-After is honoured
    wherever it is sent.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    limited = status == HTTPStatus.TOO_MANY_REQUESTS
    retryable = limited or status in _RETRYABLE or status >= _SERVER_ERRORS
    return WorkError(
        ErrorCode.RATE_LIMITED if limited else ErrorCode.HTTP_ERROR,
        f"{host} answered {status}{_phrase(status)}.",
        retryable=retryable,
        http_status=status,
        retry_after_seconds=retry_after_seconds(retry_after, now) if retryable else None,
    )


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header: a number or an HTTP date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def content_type(value: str | None) -> tuple[str, str | None]:
    """Media type in lower case, and charset where one is declared."""
    if not value:
        return "", None
    charset = _CHARSET.search(value)
    return value.partition(";")[0].strip().lower(), charset[1].lower() if charset else None


def canonical_link(values: Sequence[str], base: str) -> str | None:
    """The target of the first ``Link: <…>; rel=canonical`` (RFC 6596), resolved against ``base``."""
    for value in values:
        for target, parameters in _LINK.findall(value):
            if not _CANONICAL.search(parameters):
                continue
            try:
                return join_url(base, target).href
            except InvalidUrlError:
                return None
    return None


def _until(value: str, now: datetime) -> float:
    try:
        date = parsedate_to_datetime(value)
        return (date - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return math.nan


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase.lower()})"
    except ValueError:
        return ""
