from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.core.access import Access
from gateway.core.errors import BusyError, CrossSiteError
from gateway.http.mcp.endpoint import CALL, McpEndpoint, McpLimits, mcp_routes
from gateway.http.models.common import NoBody, NoQuery
from gateway.http.route import Call
from unit.gateway.rows import CALLER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from aiohttp import web

    from gateway.http.mcp.bridge import AsgiApp, Receive, Send


class Endpoint:
    """The endpoint before an application that answers when it is let, and remembers who asked."""

    def __init__(self, **limits: Any) -> None:
        self.let = asyncio.Event()
        self.let.set()
        self.loads = 0
        self.callers: list[object] = []
        values: dict[str, Any] = {
            "max_body_bytes": 100,
            "idle_seconds": 1.0,
            "request_seconds": 10.0,
            "at_once": 2,
            "allowed_origins": frozenset({"https://friend.test"}),
        }
        self.endpoint = McpEndpoint(load=self._load, limits=McpLimits(**(values | limits)))

    async def post(self, **headers: str) -> web.StreamResponse:
        request = make_mocked_request("POST", "/mcp", headers=headers)
        call = Call(caller=CALLER, ids={}, query=NoQuery(), body=NoBody(), request=request)
        return await self.endpoint.post(call)

    def _load(self) -> AbstractAsyncContextManager[AsgiApp]:
        self.loads += 1
        return self._serving()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[AsgiApp]:
        yield cast("AsgiApp", self._app)

    async def _app(self, scope: Any, _receive: Receive, send: Send) -> None:
        self.callers.append(scope[CALL].caller)
        await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def test_the_application_gets_the_caller_that_was_decided_outside() -> None:
    given = Endpoint()
    assert (await given.post()).status == 200
    assert (await given.post(Origin="https://friend.test")).status == 200
    await given.endpoint.close()
    assert given.callers == [CALLER, CALLER]
    assert given.loads == 1


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "null", "", "https://friend.test.evil.test"])
async def test_pages_are_refused_before_anything_is_loaded(origin: str) -> None:
    given = Endpoint()
    with pytest.raises(CrossSiteError, match="QUERN_MCP_ALLOWED_ORIGINS"):
        await given.post(Origin=origin)
    assert given.loads == 0


async def test_there_is_room_for_so_many() -> None:
    given = Endpoint()
    given.let.clear()
    waiting = [asyncio.create_task(given.post()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="2 requests of assistants"):
        await given.post()
    given.let.set()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200, 200]
    assert (await given.post()).status == 200
    await given.endpoint.close()


async def test_an_answer_that_takes_too_long_is_given_up() -> None:
    given = Endpoint(request_seconds=0.05)
    given.let.clear()
    for _ in range(3):
        with pytest.raises(BusyError, match=r"no answer within 0\.05 seconds"):
            await given.post()
    given.let.set()
    await given.endpoint.close()


def test_whoever_has_signed_in_may() -> None:
    (route,) = mcp_routes(Endpoint().endpoint)
    assert (route.method, route.path, route.access) == ("POST", "/mcp", Access.USER)
