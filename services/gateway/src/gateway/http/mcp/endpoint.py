"""``POST /mcp``: the Model Context Protocol over streamable HTTP, without sessions.

Every request is answered on its own, as JSON, so that no stream stays open and any gateway can answer the next one. A
GET, which would open a stream for messages that this server never sends, and a DELETE, which would end a session that it
never has, are answered with 405, as the specification allows (revision 2025-11-25, Transports).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.errors import BusyError, CrossSiteError
from gateway.http.binding import read_body
from gateway.http.front import headers_for
from gateway.http.mcp.bridge import exchange
from gateway.http.mcp.lazily import Lazily
from gateway.http.route import Route
from gateway.http.server import lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from aiohttp import web

    from gateway.http.mcp.bridge import AsgiApp
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.route import AnyRoute, Call


@dataclass(frozen=True, slots=True, kw_only=True)
class McpLimits:
    """What a client may ask for.

    Attributes:
        max_body_bytes: of a request.
        idle_seconds: how long a client may send nothing of its body.
        request_seconds: what answering may take once the request is there.
        at_once: requests that are answered at once.
        allowed_origins: those that a request may name; one that names none is no browser's.
    """

    max_body_bytes: int
    idle_seconds: float
    request_seconds: float
    at_once: int
    allowed_origins: frozenset[str]


class McpEndpoint:
    """Answers requests of assistants.

    Args:
        load: makes the application behind it, in a thread; called at the first request.
        limits: kept before anything is read.
    """

    def __init__(
        self, *, load: Callable[[], AbstractAsyncContextManager[AsgiApp]], limits: McpLimits
    ) -> None:
        self._app = Lazily(load)
        self._limits = limits
        self._under_way = 0

    async def post(self, call: Call[NoQuery, NoBody]) -> web.StreamResponse:
        """POST /mcp."""
        limits, request = self._limits, call.request
        _require_known_origin(request, limits.allowed_origins)
        with self._place():
            body = await read_body(request, max_bytes=limits.max_body_bytes, idle_seconds=limits.idle_seconds)
            try:
                async with asyncio.timeout(limits.request_seconds):
                    return await exchange(
                        await self._app.get(),
                        request,
                        body=body,
                        gone=lost(request),
                        headers=headers_for(call.caller.request_id, request.path),
                        extensions={CALL: call},
                    )
            except TimeoutError:
                raise BusyError(
                    f"There was no answer within {limits.request_seconds:g} seconds. Try again."
                ) from None

    async def close(self) -> None:
        """Stop the application; requests have ended by then."""
        await self._app.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._under_way >= self._limits.at_once:
            raise BusyError(f"{self._limits.at_once} requests of assistants are being answered already.")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


CALL = "quern.call"
"""Where the application finds the call in its scope: the caller in it is the one that every route gets."""


def mcp_routes(endpoint: McpEndpoint) -> tuple[AnyRoute, ...]:
    """Outside of ``/v1``: assistants are told this one address."""
    return (
        Route(
            "POST",
            "/mcp",
            endpoint.post,
            "Search and read with an assistant (Model Context Protocol)",
            reads_body=True,
        ),
    )


def _require_known_origin(request: web.BaseRequest, allowed: frozenset[str]) -> None:
    # A page whose name was bound to this host's address counts as the same site for its browser, which is why neither
    # Host nor Sec-Fetch-Site can tell it from a friend. The name in Origin is still its own.
    origins = request.headers.getall("Origin", [])
    if any(origin not in allowed for origin in origins):
        raise CrossSiteError(
            "Web pages may not use this. Assistants send no Origin header; "
            "for a program that must, an operator adds it to QUERN_MCP_ALLOWED_ORIGINS."
        )
