"""A network between two processes under a test's control: it passes, delays, stalls, cuts or refuses.

In a thread of its own, so that it goes on whatever the test's own loop does::

    with TcpProxy(target="127.0.0.1:5432") as proxy:
        proxy.delay(0.2)  # each chunk, in both directions
        proxy.stall()     # connections stay open and take some bytes, nothing arrives
        proxy.cut()       # every open connection is reset; new ones pass
        proxy.refuse()    # as if nobody listened
        proxy.heal()
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

CHUNK_BYTES: Final = 65_536
START_SECONDS: Final = 10
#: Closing so sends RST: the other side learns of it at once, and what was under way is lost.
_RESET: Final = struct.pack("ii", 1, 0)


class TcpProxy:
    """Listens on one port and connects each connection on to ``target``; what it does may change at any time.

    Args:
        target: host:port of the server.
        port: to listen on; 0 takes a free one.

    Attributes:
        accepted: how many connections were ever taken.
    """

    def __init__(self, *, target: str, port: int = 0) -> None:
        host, _, number = target.rpartition(":")
        self.accepted = 0
        self._target = (host, int(number))
        self._port = port
        self._delay_seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {target}", daemon=True)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self._port}"

    # What it does

    def heal(self) -> None:
        """Pass everything at once; connections that were stalled go on where they were."""
        self._run(self._set(flowing=True))

    def delay(self, seconds: float) -> None:
        """Hold each chunk back for so long, in both directions."""
        self._run(self._set(flowing=True, delay_seconds=seconds))

    def stall(self) -> None:
        """Take connections, and let nothing through in either direction: a host that froze."""
        self._run(self._set(flowing=False))

    def cut(self) -> None:
        """Reset every open connection, at both ends; how new ones fare does not change."""
        self._run(self._cut())

    def refuse(self) -> None:
        """Reset every open connection and take no new ones: a server that is gone."""
        self._run(self._refuse())

    # On the proxy's own loop

    def _run(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self._port, limit=CHUNK_BYTES
            )
            self._port = self._server.sockets[0].getsockname()[1]

    async def _set(self, *, flowing: bool, delay_seconds: float = 0.0) -> None:
        self._delay_seconds = delay_seconds
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()
        await self._listen()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _end(self) -> None:
        await self._refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        self.accepted += 1
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            _reset(writer)
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        far_reader, far_writer = await asyncio.open_connection(*self._target, limit=CHUNK_BYTES)
        self._open.add(far_writer)
        ways = [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]
        try:
            # One that ends takes the other with it: no protocol here goes on in one direction alone.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.close()
            self._open.discard(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other end gets RST instead of an orderly end."""
    made = writer.get_extra_info("socket")
    if made is not None and made.fileno() >= 0:
        with suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
