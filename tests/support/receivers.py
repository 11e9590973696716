"""Other systems that webhooks lead to, under a test's control."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from support.client import until

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping

    Answering = Callable[[web.BaseRequest], web.Response]


@dataclass(frozen=True)
class Message:
    """What a receiver got."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    def is_signed_by(self, secret: str) -> bool:
        """As the specification has it, written down once more: the product's own code proves nothing here."""
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """A server that takes messages.

    Attributes:
        url: of it, without a path.
        answers: by path, the statuses of the next requests, then 200; or a function that answers.
        held: paths whose requests are answered when the event is set.
        at_once: the most requests that were open at one time, by path.
    """

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    answers: dict[str, list[int] | Answering] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)

    def of(self, path: str) -> list[Message]:
        return [one for one in self.messages if one.path == path]

    async def got(self, count: int, path: str = "/", *, seconds: float = 30.0) -> list[Message]:
        """Wait for so many messages."""

        async def look() -> list[Message] | None:
            return found if len(found := self.of(path)) >= count else None

        messages: list[Message] = await until(look, f"{count} messages at {path}", seconds=seconds)
        return messages

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        self.messages.append(Message(path, request.headers, await request.read()))
        self.open[path] = self.open.get(path, 0) + 1
        self.at_once[path] = max(self.at_once.get(path, 0), self.open[path])
        try:
            if path in self.held:
                await self.held[path].wait()
        finally:
            self.open[path] -= 1
        answer = self.answers.get(path, [])
        if callable(answer):
            return answer(request)
        return web.Response(status=answer.pop(0) if answer else 200, text="said")


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that serves."""
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.handle), shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, ssl_context=tls)
    await site.start()
    receiver.url = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        for event in receiver.held.values():
            event.set()
        await runner.cleanup()
