"""Stands between the services and nsqlookupd, and sends whoever asks for nsqd to our proxy."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp import web

ASK_SECONDS: Final = 2.0


class LookupProxy:
    """A server as long as the context.

    Args:
        port: where it listens, on 127.0.0.1.
        upstream: the URL of nsqlookupd's HTTP port.
        nsqd_port: what is put in the place of nsqd's TCP port.
    """

    def __init__(self, *, port: int, upstream: str, nsqd_port: int) -> None:
        self._port = port
        self._upstream = upstream
        self._nsqd_port = nsqd_port
        self._runner = web.ServerRunner(web.Server(self._answer), access_log=None, shutdown_timeout=0)
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Answer no more."""
        await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._http is None:
            return web.Response(status=503)
        try:
            async with self._http.get(self._upstream + request.path_qs) as answer:
                if not answer.ok or request.path != "/lookup":
                    return web.Response(status=answer.status, body=await answer.read())
                found = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            return web.Response(status=502, text="nsqlookupd does not answer")
        for producer in found.get("producers", []):
            producer["tcp_port"] = self._nsqd_port
        return web.json_response(found)
