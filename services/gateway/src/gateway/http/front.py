"""The way of every request: id, principal, route, validation, handler, answer, one log line, one observation."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from aiohttp import hdrs, web
from pydantic import BaseModel

from gateway.core.errors import BusyError, CrossSiteError, UnsupportedTypeError
from gateway.http.binding import bind_body, bind_query
from gateway.http.models.common import NoBody
from gateway.http.problems import INTERNAL_ERROR, Refusal, http_refusal, refusal
from gateway.http.route import AnyRoute, Call
from gateway.http.router import Router
from shared.clock import new_id
from shared.observability.logging import log_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.http.route import Answer
    from gateway.http.router import Match
    from shared.contracts.caller import Caller

_log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIXES: Final = ("/v1", "/api")
_UNMATCHED: Final = "(none)"
_CLIENT_GONE: Final = 499

SECURITY_HEADERS: Final = {
    "Server": "quern",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class Principal(Protocol):
    """Says on whose behalf a request comes."""

    def __call__(self, request: web.BaseRequest, request_id: str, /) -> Caller:
        """The caller; the only place that decides about a tenant."""


class Front:
    """Answers requests by a table of routes; nothing that a client can do makes it raise.

    Args:
        routes: below ``/v1``, and the same below ``/api``.
        pages: paths outside of both.
        principal: sets the caller.
        observe: takes route template, method, status and seconds of each request.
        max_body_bytes: of JSON.
        idle_seconds: how long a client may send nothing of its body.
        at_once: requests below the prefixes that are answered at once; who looks after the service is always heard.
    """

    def __init__(
        self,
        *,
        routes: Iterable[AnyRoute],
        pages: Iterable[AnyRoute],
        principal: Principal,
        observe: Callable[[str, str, int, float], None],
        max_body_bytes: int,
        idle_seconds: float,
        at_once: int = 256,
    ) -> None:
        table = [(route.method, prefix + route.path, route) for route in routes for prefix in _PREFIXES]
        self._router: Router[AnyRoute] = Router(
            [*table, *((route.method, route.path, route) for route in pages)]
        )
        self._principal = principal
        self._observe = observe
        self._max_body_bytes = max_body_bytes
        self._idle_seconds = idle_seconds
        self._at_once = at_once
        self._under_way = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        self._under_way += 1
        self._idle.clear()
        try:
            response = await self._answer(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        if self._draining:
            response.force_close()
        return response

    async def drain(self, grace_seconds: float) -> None:
        """Let requests that are under way end, uploads among them, for so long; each then closes its connection."""
        self._draining = True
        try:
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("requests_cut_off", requests=self._under_way)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = request_id_of(request)
        start = perf_counter()
        matched: list[Match[AnyRoute]] = []
        with log_context(request_id=request_id):
            response = await self._answered(request, request_id, matched)
            if not response.prepared:
                response.headers.update(headers_for(request_id, request.path))
            self._note(request, response, matched, perf_counter() - start)
        return response

    async def _answered(
        self, request: web.BaseRequest, request_id: str, matched: list[Match[AnyRoute]]
    ) -> web.StreamResponse:
        try:
            return await self._handle(request, request_id, matched)
        except ConnectionError:
            # The client has gone: nobody is left to be told, the status is for the log.
            return web.Response(status=_CLIENT_GONE)
        except Exception as error:
            known = _known(error)
            if known is None:
                _log.exception("request_failed")
            elif known.status >= INTERNAL_ERROR.status:
                _log.warning("request_refused", code=known.code, error=str(error))
            if request.writer.output_size:
                # Half an answer is out: closing the connection is the one sign that is left.
                raise ConnectionError("the answer was cut short") from error
            return (known or INTERNAL_ERROR).response(request_id)

    async def _handle(
        self, request: web.BaseRequest, request_id: str, matched: list[Match[AnyRoute]]
    ) -> web.StreamResponse:
        match = self._router.match(request.method, request.path)
        matched.append(match)
        route = match.route
        self._require_room(request)
        _require_same_site(request)
        _require_plain_body(request)
        query = bind_query(route.query, request.query)
        body: BaseModel = NoBody()
        if not route.multipart:
            body = await bind_body(
                route, request, max_bytes=self._max_body_bytes, idle_seconds=self._idle_seconds
            )
        call = Call(
            caller=self._principal(request, request_id),
            ids=match.ids,
            query=query,
            body=body,
            request=request,
        )
        return rendered(route, await route.handler(call))

    def _require_room(self, request: web.BaseRequest) -> None:
        if self._under_way > self._at_once and request.path.startswith(_PREFIXES):
            raise BusyError(f"{self._at_once} requests are being answered already.")

    def _note(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        matched: list[Match[AnyRoute]],
        seconds: float,
    ) -> None:
        template = matched[0].route.path if matched else _UNMATCHED
        # A word that a client made up must not become a time series.
        method = request.method if request.method in hdrs.METH_ALL else "OTHER"
        self._observe(template, method, response.status, seconds)
        _log.info(
            "request",
            method=request.method,
            route=template,
            path=request.path,
            status=response.status,
            seconds=round(seconds, 4),
            remote=request.remote,
        )


def request_id_of(request: web.BaseRequest) -> str:
    """The client's X-Request-ID where it is a plain word, else a new one."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else str(new_id())


def headers_for(request_id: str, path: str) -> dict[str, str]:
    """What every answer carries."""
    cache = {"Cache-Control": "no-store"} if path != "/" else {"Cache-Control": "no-cache"}
    return {"X-Request-ID": request_id, **cache, **SECURITY_HEADERS}


def rendered(route: AnyRoute, answer: Answer) -> web.StreamResponse:
    """An answer as a response."""
    if isinstance(answer, web.StreamResponse):
        return answer
    if isinstance(answer, BaseModel):
        return web.Response(
            status=route.status,
            body=answer.__pydantic_serializer__.to_json(answer),
            content_type="application/json",
        )
    return web.Response(status=route.status)


def protocol_answer(request: web.BaseRequest, status: int, detail: str) -> web.Response:
    """What is answered to bytes that are no HTTP request."""
    made: Refusal = http_refusal(status, detail)
    request_id = request_id_of(request)
    response = made.response(request_id)
    response.headers.update(headers_for(request_id, request.path))
    return response


def _known(error: Exception) -> Refusal | None:
    if isinstance(error, web.HTTPException):
        return http_refusal(error.status, error.reason)
    return refusal(error)


def _require_same_site(request: web.BaseRequest) -> None:
    # Browsers send this header with every request and no script can change it; other clients send none.
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.method not in _SAFE_METHODS and site not in {"same-origin", "none"}:
        raise CrossSiteError("This request was made by a page of another site.")


def _require_plain_body(request: web.BaseRequest) -> None:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedTypeError("Compressed bodies are not taken: send it without Content-Encoding.")
