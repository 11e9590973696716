"""An ASGI application (3.0, ``http`` scope) behind aiohttp: one request in, one answer or one stream out.

What the server does for ASGI applications elsewhere is done here: an answer that comes whole is sent whole, one that
comes in parts is streamed with the client's own pace, and a client that goes ends the work that was done for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import HttpVersion11, web

if TYPE_CHECKING:
    from collections.abc import Iterable

_log = structlog.get_logger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

CANCEL_SECONDS: Final = 5.0
"""What an application may take to tidy up after it was cancelled."""

#: The connection and the length of the answer are aiohttp's affair.
_OURS: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)


async def exchange(
    app: AsgiApp,
    request: web.BaseRequest,
    *,
    body: bytes,
    gone: asyncio.Event,
    headers: Mapping[str, str],
    extensions: Mapping[str, object],
) -> web.StreamResponse:
    """Let an application answer a request whose body has been read.

    Args:
        app: the application; it is cancelled when the client goes, and when this is.
        request: as it came.
        body: all of it.
        gone: set when the client's connection is lost.
        headers: go with every answer, and win over the application's.
        extensions: added to the scope.

    Raises:
        ConnectionError: the client has gone.
        RuntimeError: the application ended without an answer.
    """
    reply = _Reply(request, headers)
    serving = asyncio.ensure_future(app(_scope(request, extensions), _receiver(body, gone), reply.send))
    leaving = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            raise ConnectionResetError("the client has gone")
        await serving
        return reply.ended()
    finally:
        await _end(serving, leaving)


class _Reply:
    """What an application sends, as a response of aiohttp."""

    def __init__(self, request: web.BaseRequest, headers: Mapping[str, str]) -> None:
        self._request = request
        self._headers = headers
        self._start: Message | None = None
        self._response: web.StreamResponse | None = None
        self._complete = False

    async def send(self, message: Message) -> None:
        """ASGI's ``send``; waits until the client takes more."""
        if message["type"] == "http.response.start":
            if self._start is not None:
                raise RuntimeError("the application began a second answer")
            self._start = message
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"the application sent {message['type']}, which nobody offered")

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._start is None or self._complete:
            raise RuntimeError("the application sent a body outside of an answer")
        self._complete = not more
        if self._response is None:
            if not more:
                self._response = web.Response(status=self._start["status"], headers=self._merged(), body=body)
                return
            self._response = web.StreamResponse(status=self._start["status"], headers=self._merged())
            await self._response.prepare(self._request)
        if body:
            await self._response.write(body)
        if not more:
            await self._response.write_eof()

    def ended(self) -> web.StreamResponse:
        """The answer, after the application has returned."""
        if self._response is None or not self._complete:
            raise RuntimeError("the application ended without an answer")
        return self._response

    def _merged(self) -> list[tuple[str, str]]:
        given: Iterable[tuple[bytes, bytes]] = self._start["headers"] if self._start else ()
        ours = {name.lower() for name in self._headers}
        texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in given]
        kept = [(name, value) for name, value in texts if name.lower() not in _OURS | ours]
        return [*kept, *self._headers.items()]


def _receiver(body: bytes, gone: asyncio.Event) -> Receive:
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


def _scope(request: web.BaseRequest, extensions: Mapping[str, object]) -> dict[str, Any]:
    path, _, query = request.raw_path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1" if request.version >= HttpVersion11 else "1.0",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": None,
        "server": None,
        **extensions,
    }


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    for task in tasks:
        if not task.done():
            _log.error("application_ignores_cancellation", seconds=CANCEL_SECONDS)
        elif not task.cancelled():
            # Asked for, so that nobody complains that nobody has: who waits for the answer has it already.
            task.exception()
