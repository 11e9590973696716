from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from aiohttp.test_utils import make_mocked_request

from gateway.http.front import Front
from gateway.http.principal import OneTenant
from gateway.http.route import Answer, Call, Route
from unit.gateway.fakes import FakeWriter

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.http.models.common import NoBody, NoQuery


class Doors:
    """A route that answers when it is let, and the one by which a service is looked after."""

    def __init__(self, *, at_once: int) -> None:
        self.let = asyncio.Event()
        self.front = Front(
            routes=[Route("GET", "/slow", self._slow, "Waits")],
            pages=[Route("GET", "/healthz", self._health, "Lives")],
            principal=OneTenant(),
            observe=lambda *_: None,
            max_body_bytes=100,
            idle_seconds=1.0,
            at_once=at_once,
        )

    async def _slow(self, _call: Call[NoQuery, NoBody]) -> Answer:
        await self.let.wait()
        return None

    async def _health(self, _call: Call[NoQuery, NoBody]) -> Answer:
        return None

    async def get(self, path: str) -> web.StreamResponse:
        return await self.front(make_mocked_request("GET", path, writer=cast("Any", FakeWriter())))


async def test_more_requests_than_there_is_room_for_are_refused_and_told_when_to_come_back() -> None:
    doors = Doors(at_once=3)
    waiting = [asyncio.create_task(doors.get("/v1/slow")) for _ in range(3)]
    await asyncio.sleep(0)
    refused = await doors.get("/v1/slow")
    assert refused.status == 503
    assert refused.headers["Retry-After"]
    assert (await doors.get("/healthz")).status == 200
    doors.let.set()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200] * 3
    assert (await doors.get("/v1/slow")).status == 200


async def test_a_drain_waits_for_what_is_under_way_but_not_for_ever() -> None:
    doors = Doors(at_once=3)
    waiting = asyncio.create_task(doors.get("/v1/slow"))
    await asyncio.sleep(0)
    draining = asyncio.create_task(doors.front.drain(60))
    await asyncio.sleep(0)
    doors.let.set()
    await asyncio.wait_for(draining, 10)
    assert (await waiting).status == 200
    doors.let.clear()
    stuck = asyncio.create_task(doors.get("/v1/slow"))
    await asyncio.sleep(0)
    await asyncio.wait_for(doors.front.drain(0.01), 10)
    stuck.cancel()
