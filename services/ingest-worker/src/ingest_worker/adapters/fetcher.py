"""Fetches one page: with its redirects, within its limits, from addresses that may be crawled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from yarl import URL

from ingest_worker.adapters.http_body import Body, read_body
from ingest_worker.adapters.http_errors import translated
from ingest_worker.core.answers import canonical_link, content_type, status_error
from ingest_worker.core.fetching import Fetched, Redirect
from ingest_worker.core.redirects import REDIRECTS, may_receive, next_hop, permanent_target
from shared.content import clean_text
from shared.errors import ErrorCode, WorkError
from shared.net.headers import header_problem
from shared.urls import InvalidUrlError, WebUrl, parse_web_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aiohttp import ClientResponse, ClientSession

    from ingest_worker.core.fetching import FetchRequest

_NOT_MODIFIED = 304
_MAX_VALIDATOR_CHARS = 1024  # an ETag longer than this is not worth keeping


class Fetcher:
    """The door to the web.

    Args:
        session: from :func:`ingest_worker.adapters.http_session.open_session`, which judges every address.
        now: the time in UTC, for a Retry-After that names a date.
        max_redirects: in a row.
    """

    def __init__(
        self, *, session: ClientSession, now: Callable[[], datetime], max_redirects: int = 10
    ) -> None:
        self._session = session
        self._now = now
        self._max_redirects = max_redirects

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page.

        Raises:
            WorkError: ``unreachable``, ``timeout``, ``tls_error``, ``http_error``, ``rate_limited``,
                ``too_many_redirects``, ``blocked_address``, ``too_large``, ``unsupported_type``; with
                ``http_status`` where there was an answer, and ``retry_after_seconds`` where it was asked for.
        """
        first = _parse(request.url)
        visit = _Visit(request, first, owner=_parse(request.headers_for) if request.headers_for else first)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._follow(visit)
        except TimeoutError:
            raise WorkError(
                ErrorCode.TIMEOUT,
                f"{visit.current.host} took longer than {request.timeout_seconds:g} seconds.",
                retryable=True,
            ) from None

    async def _follow(self, visit: _Visit) -> Fetched:
        """One hop after the other; ``next_hop`` ends what would not end by itself."""
        while True:
            with translated(visit.current.host):
                async with self._session.get(
                    URL(visit.current.href, encoded=True), headers=visit.headers(), allow_redirects=False
                ) as response:
                    if response.status not in REDIRECTS:
                        return await self._answer(visit, response)
                    location = response.headers.get("Location")
            target = self._next(visit, response.status, location)
            if visit.request.follows is not None and not visit.request.follows(target.href):
                return visit.result(response, refused_redirect=target.href)
            visit.go_to(response.status, target)

    def _next(self, visit: _Visit, status: int, location: str | None) -> WebUrl:
        return next_hop(
            visit.current,
            status,
            location,
            hops=visit.hops,
            first=visit.first,
            limit=self._max_redirects,
        )

    async def _answer(self, visit: _Visit, response: ClientResponse) -> Fetched:
        request, host = visit.request, visit.current.host
        if response.status == _NOT_MODIFIED and visit.is_conditional:
            return visit.result(response, not_modified=True)
        retry_after = response.headers.get("Retry-After")
        error = status_error(host, response.status, retry_after=retry_after, now=self._now())
        if error is not None:
            raise error
        kind, _ = content_type(response.headers.get("Content-Type"))
        if request.accepts is not None and not request.accepts(kind):
            _refuse_type(host, kind)
        body = await read_body(response, host=host, max_bytes=request.max_bytes, cut=request.cut)
        return visit.result(response, body=body)


class _Visit:
    """How far one fetch has come."""

    def __init__(self, request: FetchRequest, first: WebUrl, *, owner: WebUrl) -> None:
        self.request = request
        self.first = first
        self.current = first
        self.hops: list[Redirect] = []
        self.is_conditional = request.etag is not None or request.last_modified is not None
        self._owner = owner
        self._may_receive = may_receive(first, owner)
        self._started = asyncio.get_running_loop().time()
        _check_headers(request.headers)

    def headers(self) -> dict[str, str]:
        headers = dict(self.request.headers) if self._may_receive else {}
        if self.request.etag is not None:
            headers["If-None-Match"] = self.request.etag
        if self.request.last_modified is not None:
            headers["If-Modified-Since"] = self.request.last_modified
        return headers

    def go_to(self, status: int, target: WebUrl) -> None:
        """Secrets that were once left behind stay behind: the foreign host chose where to go from there."""
        self.hops.append(Redirect(status, target.href))
        self.current = target
        self._may_receive = self._may_receive and may_receive(target, self._owner)

    def result(
        self,
        response: ClientResponse,
        *,
        body: Body | None = None,
        not_modified: bool = False,
        refused_redirect: str | None = None,
    ) -> Fetched:
        headers = response.headers
        kind, charset = content_type(headers.get("Content-Type"))
        body = body or Body(b"", truncated=False, received_bytes=0)
        return Fetched(
            url=self.first.href,
            final_url=self.current.href,
            status=response.status,
            body=body.data,
            content_type=clean_text(kind),
            charset=charset,
            etag=_validator(headers, "ETag"),
            last_modified=_validator(headers, "Last-Modified"),
            x_robots_tag=clean_text("\n".join(headers.getall("X-Robots-Tag", ()))),
            canonical=canonical_link(headers.getall("Link", ()), self.current.href),
            redirects=tuple(self.hops),
            permanent_redirect_target=permanent_target(self.hops),
            not_modified=not_modified,
            refused_redirect=refused_redirect,
            truncated=body.truncated,
            received_bytes=body.received_bytes,
            elapsed_seconds=asyncio.get_running_loop().time() - self._started,
        )


def _parse(text: str) -> WebUrl:
    try:
        return parse_web_url(text)
    except InvalidUrlError as error:
        raise WorkError(ErrorCode.UNREACHABLE, str(error), retryable=False) from error


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        problem = header_problem(name, value)
        if problem is not None:
            raise WorkError(ErrorCode.INTERNAL_ERROR, problem, retryable=False)


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    """An ETag or Last-Modified that can be stored and sent back as it is."""
    value = headers.get(name)
    if value is None or not value.isascii() or not value.isprintable() or len(value) > _MAX_VALIDATOR_CHARS:
        return None
    return value


def _refuse_type(host: str, kind: str) -> NoReturn:
    raise WorkError(
        ErrorCode.UNSUPPORTED_TYPE,
        f"{host} sent {clean_text(kind) or 'no content type'}, which cannot be read.",
        retryable=False,
    )
