from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.mcp.bridge import exchange
from gateway.http.server import GatewayServer, lost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.http.mcp.bridge import AsgiApp, Receive, Send

HEADERS = {"X-Request-ID": "req-1", "Cache-Control": "no-store"}
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: f"x-{name}")
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def asked(app: AsgiApp, *, body: bytes = b"", gone: asyncio.Event | None = None) -> web.StreamResponse:
    request = make_mocked_request("POST", "/mcp?a=%20b", headers={"Accept": "a", "X-Twice": "1"})
    return await exchange(
        app,
        request,
        body=body,
        gone=gone or asyncio.Event(),
        headers=HEADERS,
        extensions={"quern.call": "call"},
    )


@asynccontextmanager
async def served(app: AsgiApp) -> AsyncIterator[str]:
    """The application behind the real server."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        return await exchange(app, request, body=body, gone=lost(request), headers=HEADERS, extensions={})

    server = GatewayServer(handler, keepalive_seconds=5, lingering_seconds=1)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()


async def test_an_application_sees_the_request() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.update(scope, message=await receive())
        await send(start(201, (b"content-type", b"application/json")))
        await send(part(b"{}"))

    response = await asked(app, body=b"hello")
    assert isinstance(response, web.Response)
    assert (response.status, response.body, response.content_type) == (201, b"{}", "application/json")
    assert (seen["type"], seen["method"], seen["path"]) == ("http", "POST", "/mcp")
    assert (seen["query_string"], seen["quern.call"]) == (b"a=%20b", "call")
    assert (b"accept", b"a") in seen["headers"]
    assert (b"x-twice", b"1") in seen["headers"]
    assert seen["message"] == {"type": "http.request", "body": b"hello", "more_body": False}


@settings(max_examples=25, deadline=None)
@given(
    status=st.sampled_from([200, 202, 400, 404, 500]),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    parts=st.lists(st.binary(max_size=200), max_size=6),
    ours=st.booleans(),
)
async def test_any_answer_arrives_as_it_was_sent(
    status: int, headers: list[tuple[str, str]], parts: list[bytes], *, ours: bool
) -> None:
    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers]
        own = [(b"cache-control", b"public"), (b"content-length", b"3"), (b"connection", b"keep-alive")]
        await send(start(status, *raw, *(own if ours else [])))
        for piece in parts:
            await send(part(piece, more=True))
        await send(part(b""))

    async with (
        served(app) as url,
        ClientSession() as session,
        session.post(url, timeout=ClientTimeout(total=10)) as response,
    ):
        assert response.status == status
        assert await response.read() == b"".join(parts)
        assert response.headers.getall("Cache-Control") == ["no-store"]
        for name, value in headers:
            assert value.strip() in [given.strip() for given in response.headers.getall(name)]


async def test_a_stream_arrives_part_by_part() -> None:
    go_on = asyncio.Event()

    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await send(part(b"data: 1\n\n", more=True))
        await go_on.wait()
        await send(part(b"data: 2\n\n", more=True))
        await send(part(b""))

    async with served(app) as url, ClientSession() as session, session.post(url) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["X-Request-ID"] == "req-1"
        async with asyncio.timeout(10):
            assert await response.content.readany() == b"data: 1\n\n"
            go_on.set()
            assert await response.content.read() == b"data: 2\n\n"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_goes_ends_the_work(*, begun: bool) -> None:
    working, ended = asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        if begun:
            await send(start(200, (b"content-type", b"text/event-stream")))
            await send(part(b": hello\n\n", more=True))
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with served(app) as url, ClientSession() as session:
        asking = asyncio.create_task(session.post(url))
        async with asyncio.timeout(10):
            await working.wait()
            if begun:
                (await asking).close()
            asking.cancel()
            await ended.wait()


async def test_an_application_hears_that_the_client_has_gone() -> None:
    gone, heard = asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, receive: Receive, _send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        try:
            await asyncio.Event().wait()
        finally:
            assert (await receive())["type"] == "http.disconnect"
            heard.set()

    asking = asyncio.create_task(asked(app, gone=gone))
    await asyncio.sleep(0)
    gone.set()
    with pytest.raises(ConnectionError):
        await asking
    assert heard.is_set()


async def test_whoever_is_cancelled_takes_the_application_along() -> None:
    working, ended = asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, _receive: Receive, _send: Send) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asking = asyncio.create_task(asked(app))
    await working.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [start()],
        [part(b"x")],
        [start(), start(), part(b"")],
        [start(), part(b"x"), part(b"y")],
        [{"type": "websocket.accept"}],
    ],
)
async def test_an_application_that_does_not_answer_properly_is_an_error(
    messages: list[dict[str, Any]],
) -> None:
    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(RuntimeError, match="the application"):
        await asked(app)


async def test_what_an_application_raises_is_not_swallowed() -> None:
    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        await send(start())
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        await asked(app)
