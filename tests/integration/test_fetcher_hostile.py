"""Servers that are broken or mean harm: each ends in time, within limits, as an error that says what happened."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import resource
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ingest_worker.core.fetching import Fetched, FetchRequest
from shared.errors import ErrorCode, WorkError
from support.fetchers import RawServer, open_fetcher, saying
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ingest_worker.adapters.fetcher import Fetcher

TIMEOUT_SECONDS = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher() as made:
        yield made


async def get(
    fetcher: Fetcher, url: str, max_bytes: int = 100_000, timeout_seconds: float = TIMEOUT_SECONDS
) -> Fetched:
    return await fetcher.fetch(FetchRequest(url=url, timeout_seconds=timeout_seconds, max_bytes=max_bytes))


async def failure(fetcher: Fetcher, server: RawServer, timeout_seconds: float = TIMEOUT_SECONDS) -> WorkError:
    started = time.monotonic()
    async with server.serving() as url:
        with pytest.raises(WorkError) as caught:
            await get(fetcher, url, timeout_seconds=timeout_seconds)
    assert time.monotonic() - started < timeout_seconds + 2
    return caught.value


def repeating(piece: bytes, *, first: bytes = b"", pause_seconds: float = 0.0) -> RawServer:
    """A server that never stops."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return RawServer(talk)


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(saying(keep_open=True), id="silent"),
        pytest.param(saying(b"HTTP/1.1 200", keep_open=True), id="stops in the status line"),
        pytest.param(saying(OK, keep_open=True), id="stops in the headers"),
        pytest.param(saying(OK + b"Content-Length: 9\r\n\r\nabc", keep_open=True), id="stops in the body"),
        pytest.param(
            repeating(b"a", first=b"HTTP/1.1 200 OK\r\nX-A: ", pause_seconds=0.05), id="drips headers"
        ),
        pytest.param(repeating(b"a", first=OK + b"\r\n", pause_seconds=0.05), id="drips a body"),
        pytest.param(
            repeating(b"1\r\na\r\n", first=OK + b"Transfer-Encoding: chunked\r\n\r\n", pause_seconds=0.05),
            id="drips chunks",
        ),
        pytest.param(
            repeating(b"HTTP/1.1 100 Continue\r\n\r\n", pause_seconds=0.01), id="continues for ever"
        ),
    ],
)
async def test_who_is_slow_runs_out_of_time(fetcher: Fetcher, server: RawServer) -> None:
    error = await failure(fetcher, server)
    assert (error.code, error.retryable) == (ErrorCode.TIMEOUT, True)


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(repeating(b"x" * 65536, first=OK + b"\r\n"), id="until close"),
        pytest.param(
            repeating(
                b"10000\r\n" + b"x" * 65536 + b"\r\n", first=OK + b"Transfer-Encoding: chunked\r\n\r\n"
            ),
            id="chunks",
        ),
        pytest.param(saying(OK + b"Content-Length: 100001\r\n\r\n", keep_open=True), id="announced"),
        pytest.param(
            repeating(gzip.compress(b""), first=OK + b"Content-Encoding: gzip\r\n\r\n"), id="empty members"
        ),
    ],
)
async def test_who_sends_too_much_is_cut_off(fetcher: Fetcher, server: RawServer) -> None:
    # Time enough for as much as is too much, piece by piece, on a busy machine.
    error = await failure(fetcher, server, timeout_seconds=30)
    assert (error.code, error.retryable) == (ErrorCode.TOO_LARGE, False)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closes at once"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", id="another protocol"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01" * 10, id="binary"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\nabc", id="short body"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", id="short chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", id="bad chunk"),
        pytest.param(OK + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n", id="huge header"),
        pytest.param(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", id="no gzip"),
        pytest.param(OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", id="no brotli"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"abc")[:-4], id="short gzip"),
    ],
)
async def test_what_cannot_be_read_may_be_tried_again(fetcher: Fetcher, answer: bytes) -> None:
    error = await failure(fetcher, saying(answer))
    assert (error.code, error.retryable, error.http_status) == (ErrorCode.UNREACHABLE, True, None)
    assert error.sentence.endswith(".")


async def test_endless_headers_are_cut_off(fetcher: Fetcher) -> None:
    error = await failure(fetcher, repeating(b"X-A: " + b"a" * 8000 + b"\r\n", first=b"HTTP/1.1 200 OK\r\n"))
    assert error.code in (ErrorCode.UNREACHABLE, ErrorCode.TIMEOUT)


async def test_a_connection_that_is_reset(fetcher: Fetcher) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    error = await failure(fetcher, RawServer(talk))
    assert (error.code, error.retryable) == (ErrorCode.UNREACHABLE, True)


async def test_nobody_listens(fetcher: Fetcher) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(WorkError) as caught:
            await get(fetcher, f"http://127.0.0.1:{held.getsockname()[1]}")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.UNREACHABLE, True)
    assert "connection refused" in caught.value.sentence


async def test_an_encoding_that_was_not_asked_for(fetcher: Fetcher) -> None:
    error = await failure(fetcher, saying(OK + b"Content-Encoding: zstd\r\nContent-Length: 3\r\n\r\nabc"))
    assert (error.code, error.retryable) == (ErrorCode.UNSUPPORTED_TYPE, False)


async def test_the_body_of_a_redirect_is_not_waited_for(fetcher: Fetcher) -> None:
    answers = itertools.cycle(
        [b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", OK + b"Content-Length: 2\r\n\r\nok"]
    )

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers))
        await reader.read()

    async with RawServer(talk).serving() as url:
        assert (await get(fetcher, url)).body == b"ok"


async def test_a_bomb_costs_no_memory(fetcher: Fetcher) -> None:
    with TestSite() as site:
        bomb = gzip.compress(b"\0" * (1 << 20), 9) * 400
        site.page("/bomb", bomb, headers={"Content-Encoding": "gzip"})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(WorkError) as caught:
            await get(fetcher, site.url("/bomb"), max_bytes=1_000_000)
    assert caught.value.code is ErrorCode.TOO_LARGE
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 30_000  # 400 MB lie inside


async def test_one_bad_server_does_not_hold_up_another(fetcher: Fetcher) -> None:
    with TestSite() as site:
        site.page("/", "here")
        async with saying(keep_open=True).serving() as silent:
            waiting = [asyncio.create_task(get(fetcher, silent)) for _ in range(20)]
            assert (await get(fetcher, site.url())).body == b"here"
            assert not any(task.done() for task in waiting)
            results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {WorkError}


async def test_a_fetch_that_is_cancelled_lets_go_of_its_connection(fetcher: Fetcher) -> None:
    closed = asyncio.Event()
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        closed.set()

    async with RawServer(talk).serving() as url:
        task = asyncio.create_task(get(fetcher, url))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await closed.wait()
