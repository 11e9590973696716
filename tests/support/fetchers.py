"""A fetcher as the worker has it, and servers that speak to it in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from ingest_worker.adapters.fetcher import Fetcher
from ingest_worker.adapters.http_session import open_session
from shared.addresses import parse_networks
from shared.clock import now
from shared.net.resolver import Resolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared.addresses import IPAddress

LOOPBACK = "127.0.0.0/8"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A name server under the test's control: each name has its addresses, or a list of them for each question."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[IPAddress]:
        self.asked.append(host)
        return [ip_address(text) for text in self.names[host.partition(".")[0]]]


@asynccontextmanager
async def open_fetcher(
    *, allow: str = LOOPBACK, names: Names | None = None, **options: Any
) -> AsyncIterator[Fetcher]:
    """A fetcher that may crawl ``allow``; ``options`` are those of ``open_session``."""
    resolver = Resolver(
        lookup=names or Names(localhost=["127.0.0.1"]),
        allow_networks=parse_networks(allow),
        timeout_seconds=1,
    )
    async with open_session(resolver=resolver, **options) as session:
        yield Fetcher(session=session, now=now)


class RawServer:
    """A TCP server that says what a test tells it to; ``connections`` counts those it accepted."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self._talk = talk
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serve, and hand out the address (``http://…``, without a path)."""
        server = await asyncio.start_server(self._accept, host, 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://{host}:{port}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client has had enough
        finally:
            writer.close()


def saying(*parts: bytes, keep_open: bool = False) -> RawServer:
    """A server that reads each request's head and answers ``parts``, then closes or falls silent."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if keep_open:
            await reader.read()

    return RawServer(talk)
