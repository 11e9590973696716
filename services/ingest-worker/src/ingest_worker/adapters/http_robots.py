"""Asking a site for its robots.txt."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from ingest_worker.core.fetching import FetchRequest
from ingest_worker.core.robots import MAX_ROBOTS_BYTES, RobotsAnswer, robots_url
from shared.content import clean_text
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from ingest_worker.adapters.fetcher import Fetcher


_OUT_OF_REACH: Final = frozenset({ErrorCode.BLOCKED_ADDRESS, ErrorCode.UNREACHABLE, ErrorCode.TLS_ERROR})


async def fetch_robots(origin: str, *, fetcher: Fetcher, timeout_seconds: float) -> RobotsAnswer:
    """Fetch the rules of ``origin`` (``WebUrl.origin``); a refusal or a silence is an answer, too.

    Raises:
        WorkError: ``blocked_address``, ``unreachable``, ``tls_error``: it is not the rules that are out of reach, but
            the whole site.
    """
    request = FetchRequest(
        url=robots_url(origin), timeout_seconds=timeout_seconds, max_bytes=MAX_ROBOTS_BYTES, cut=True
    )
    try:
        fetched = await fetcher.fetch(request)
    except WorkError as error:
        return _without_rules(error)
    return RobotsAnswer(fetched.status, clean_text(fetched.body.decode("utf-8", "replace")))


def _without_rules(error: WorkError) -> RobotsAnswer:
    if error.code in _OUT_OF_REACH:
        raise error
    if error.code is ErrorCode.TOO_MANY_REDIRECTS:
        return RobotsAnswer(HTTPStatus.NOT_FOUND)  # RFC 9309, section 2.3.1.2: as if there were none
    return RobotsAnswer(error.http_status, retry_after_seconds=error.retry_after_seconds)
