"""Stands between the services and nsqd, speaks enough of its protocol to meddle with what is published.

Every command that a client sends is answered by nsqd itself, once: a publish is stored when the client hears OK, as
far as its messages go on at once; the late ones are handed to nsqd as deferred messages, which it forgets when it is
killed. That a message may be lost is the second promise.

Protocol: https://nsq.io/clients/tcp_protocol_spec.html
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.messages import Disorder

MAGIC_BYTES: Final = 4
SIZE: Final = struct.Struct(">I")
LINE_BYTES: Final = 1024
WITH_BODY: Final = frozenset({b"IDENTIFY", b"AUTH", b"PUB", b"DPUB", b"MPUB"})
CHUNK_BYTES: Final = 65536
CONNECT_SECONDS: Final = 2.0
PUBLISH_SECONDS: Final = 5.0


def publish(topic: bytes, bodies: Sequence[bytes]) -> bytes:
    """One command that publishes them at once."""
    if len(bodies) == 1:
        return b"PUB %s\n" % topic + _sized(bodies[0])
    return b"MPUB %s\n" % topic + _sized(SIZE.pack(len(bodies)) + b"".join(map(_sized, bodies)))


def publish_later(topic: bytes, body: bytes, milliseconds: int) -> bytes:
    """One command that publishes a message, to be delivered later."""
    return b"DPUB %s %d\n" % (topic, milliseconds) + _sized(body)


def bodies_of(command: bytes, body: bytes) -> list[bytes]:
    """The messages of a PUB or MPUB."""
    if command == b"PUB":
        return [body]
    found, at = [], SIZE.size
    for _ in range(SIZE.unpack_from(body)[0]):
        (size,) = SIZE.unpack_from(body, at)
        found.append(body[at + SIZE.size : at + SIZE.size + size])
        at += SIZE.size + size
    return found


def _sized(body: bytes) -> bytes:
    return SIZE.pack(len(body)) + body


class NsqProxy:
    """A server as long as the context.

    Args:
        port: where it listens, on 127.0.0.1.
        upstream: nsqd's TCP port.
        upstream_http: the URL of nsqd's HTTP port.
        disorder: decides what happens to messages.
    """

    def __init__(self, *, port: int, upstream: int, upstream_http: str, disorder: Disorder) -> None:
        self._port = port
        self._upstream = upstream
        self._http_url = upstream_http
        self._disorder = disorder
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PUBLISH_SECONDS))
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Cut all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy stops
        finally:
            self._tasks.discard(task)
            writer.transport.abort()  # whoever is frozen would not take the rest

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                from_nsqd, to_nsqd = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:  # a timeout is one
            return
        ways = [
            asyncio.create_task(self._commands(reader, to_nsqd)),
            asyncio.create_task(_copy(from_nsqd, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_nsqd.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _commands(self, reader: asyncio.StreamReader, nsqd: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            nsqd.write(await reader.readexactly(MAGIC_BYTES))
            while line := await reader.readline():
                name, *words = line.split()
                if name not in WITH_BODY:
                    nsqd.write(line)
                else:
                    (size,) = SIZE.unpack(await reader.readexactly(SIZE.size))
                    body = await reader.readexactly(size)
                    if name in {b"PUB", b"MPUB"} and self._disorder.is_on:
                        await self._meddle(nsqd, words[0], bodies_of(name, body))
                    else:
                        nsqd.write(line + _sized(body))
                await nsqd.drain()

    async def _meddle(self, nsqd: asyncio.StreamWriter, topic: bytes, bodies: list[bytes]) -> None:
        fate = self._disorder.fate_of(bodies)
        later = list(fate.later)
        if fate.now:
            nsqd.write(publish(topic, fate.now))
        else:  # the command must have its one answer
            milliseconds, body = later.pop(0)
            nsqd.write(publish_later(topic, body, milliseconds))
        for milliseconds, body in later:
            self._apart(topic, body, milliseconds)

    def _apart(self, topic: bytes, body: bytes, milliseconds: int) -> None:
        task = asyncio.create_task(self._publish(topic, body, milliseconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, topic: bytes, body: bytes, milliseconds: int) -> None:
        if self._http is None:
            return
        where = {"topic": topic.decode(), "defer": str(milliseconds)}
        try:
            async with self._http.post(f"{self._http_url}/pub", params=where, data=body) as answer:
                if not answer.ok:
                    self._disorder.counts["lost"] += 1
        except (aiohttp.ClientError, TimeoutError):
            self._disorder.counts["lost"] += 1  # nsqd is away


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
