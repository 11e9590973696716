"""The admin port of every service: is it alive, can it work, what does it count. Never the public port."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import structlog
from aiohttp import web
from prometheus_client import generate_latest

from shared.observability.families import REGISTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from shared.observability.readiness import Readiness

_log = structlog.get_logger(__name__)

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AdminApp:
    """``/healthz`` (200 while the event loop turns), ``/readyz`` (200 or 503 with the reason), ``/metrics``."""

    def __init__(
        self,
        *,
        readiness: Readiness,
        refreshers: Sequence[Callable[[], Awaitable[None]]] = (),
        refresh_timeout_seconds: float = 1.0,
    ) -> None:
        """``refreshers`` are awaited before each scrape, together for at most the timeout: what is asked elsewhere."""
        self._readiness = readiness
        self._refreshers = tuple(refreshers)
        self._refresh_timeout_seconds = refresh_timeout_seconds

    def routes(self) -> list[web.RouteDef]:
        """For an aiohttp application."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        """Listen; yields the port, which is a free one where ``port`` is 0."""
        app = web.Application()
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            bound = int(runner.addresses[0][1])
            _log.info("admin_listening", host=host, port=bound)
            yield bound
        finally:
            await runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _json({"status": "up"}, 200)

    async def _readyz(self, _request: web.Request) -> web.Response:
        report = self._readiness.report()
        return _json(report, 200 if report["status"] == "up" else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        await asyncio.gather(*(self._refresh(refresher) for refresher in self._refreshers))
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": _METRICS_TYPE})

    async def _refresh(self, refresher: Callable[[], Awaitable[None]]) -> None:
        """Bring figures up to date; a source that is down costs its own figures and not the scrape."""
        try:
            async with asyncio.timeout(self._refresh_timeout_seconds):
                await refresher()
        except Exception as error:  # noqa: BLE001  (shown as down by /readyz; a scrape every few seconds shall not repeat it)
            _log.debug("metrics_refresh_failed", detail=str(error) or type(error).__name__)


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
