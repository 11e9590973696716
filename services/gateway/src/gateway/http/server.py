"""aiohttp's server, with its own refusals as problems too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from gateway.http.front import protocol_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = structlog.get_logger(__name__)

_INTERNAL_ERROR: Final = 500


class _Protocol(web.RequestHandler):
    """One connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _INTERNAL_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (it can quote the bytes that were sent)
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what went wrong outside of every handler."""
        if request.writer.output_size:
            raise ConnectionError("the answer was cut short") from exc
        if status >= _INTERNAL_ERROR:
            _log.error("connection_failed", exc_info=exc)
        else:
            _log.info("bad_request", reason=type(exc).__name__)
        response = protocol_answer(request, status, "The request could not be read.")
        response.force_close()
        return response


class GatewayServer(web.Server):
    """Serves one handler.

    Args:
        handler: answers each request.
        keepalive_seconds: how long an idle connection is kept.
        lingering_seconds: how long the rest of a refused body is read, so that the client sees the refusal.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        keepalive_seconds: float,
        lingering_seconds: float,
    ) -> None:
        super().__init__(handler)
        self._keepalive_seconds = keepalive_seconds
        self._lingering_seconds = lingering_seconds

    def __call__(self) -> web.RequestHandler:
        """A new connection."""
        return _Protocol(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._keepalive_seconds,
            lingering_time=self._lingering_seconds,
            # Every request is logged by Front, with its id.
            access_log=None,  # type: ignore[arg-type]  # aiohttp checks for it, its annotation does not say so
            # A body that grows while it is read would make every limit on it a lie.
            auto_decompress=False,
        )
