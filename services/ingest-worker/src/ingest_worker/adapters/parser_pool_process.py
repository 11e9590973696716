"""One parser process, as the worker sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from ingest_worker.core.parser_exit import ended
from ingest_worker.core.parser_frames import HEADER, Chunks, Failed, decode_answer, encode
from shared.errors import DependencyUnavailableError, ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest_worker.core.parse_request import ParseRequest
    from ingest_worker.core.parser_frames import Answer, Finished
    from shared.contracts.content import Chunk, Parsed

_log = structlog.get_logger(__name__)

_BUFFER_BYTES = 1 << 20
_SAID_BYTES = 8192
_DYING_SECONDS = 5.0
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_OWN = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own pools reserve more than RLIMIT_DATA allows
    "ARROW_IO_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "PYTHONUTF8": "1",
}


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a parser process gets to see of the worker's environment: no passwords, no addresses."""
    return {name: environment[name] for name in _PASSED_ON if name in environment} | _OWN


class ParserProcess:
    """A running parser process: one document at a time.

    Attributes:
        documents: how many it was given.
        free: whether it has answered the last one in full, and can be given another.
        resident_bytes: its memory after the last one, by its own account.
    """

    def __init__(self, process: Process, *, cpu_seconds: int) -> None:
        self._process = process
        self._cpu_seconds = cpu_seconds
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen())
        self.documents = 0
        self.free = True
        self.resident_bytes = 0

    @classmethod
    async def start(cls, *, memory_bytes: int, cpu_seconds: int, start_seconds: float) -> ParserProcess:
        """Start a process, and wait until it is ready.

        Raises:
            DependencyUnavailableError: the machine does not let it start, or not in time.
        """
        options = (
            f"--parent-pid={os.getpid()}",
            f"--memory-bytes={memory_bytes}",
            f"--cpu-seconds={cpu_seconds}",
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "ingest_worker.adapters.parsers.child", *options,
                stdin=PIPE, stdout=PIPE, stderr=PIPE,
                env=child_environment(os.environ), limit=_BUFFER_BYTES, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DependencyUnavailableError(
                "parser", f"No parser process can be started: {error}"
            ) from error
        started = cls(process, cpu_seconds=cpu_seconds)
        try:
            async with asyncio.timeout(start_seconds):
                await started._read()
        except BaseException as error:
            await started.kill()
            if isinstance(error, (TimeoutError, WorkError)):
                sentence = f"A parser process did not start: {started.said() or 'no answer in time'}"
                raise DependencyUnavailableError("parser", sentence) from error
            raise
        return started

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as is known: its closed pipe is seen before its exit code."""
        stdout = self._process.stdout
        return self._process.returncode is None and stdout is not None and not stdout.at_eof()

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return self._said.decode("utf-8", "replace").strip()

    async def parse(self, request: ParseRequest) -> Parsed:
        """Have a document parsed; however this ends but by returning or a :class:`WorkError` of the document's, kill it.

        Raises:
            WorkError: the document's failure, or ``parser_crashed``, ``parser_timeout``, ``too_large`` when the
                process ended (then :attr:`alive` is False).
        """
        self.documents += 1
        self.free = False
        self._said.clear()
        await self._send(request)
        chunks: list[Chunk] = []
        while isinstance(answer := await self._read(), Chunks):
            chunks.extend(answer.chunks)
        self.resident_bytes = answer.resident_bytes
        self.free = True
        if isinstance(answer, Failed):
            if answer.code == ErrorCode.PARSER_CRASHED:
                _log.warning("parser_failed", kind=request.kind, said=self.said()[-2000:])
            raise WorkError(ErrorCode(answer.code), answer.sentence, retryable=answer.retryable)
        return _whole(answer, chunks)

    async def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._gone()

    async def close(self, *, seconds: float) -> None:
        """Let it end by itself, as it does when nobody asks it any more; kill it after ``seconds``."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        else:
            await self._gone()

    async def _gone(self) -> None:
        await self._process.wait()
        await self._listening
        if self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(OSError):
                await self._process.stdin.wait_closed()

    async def _send(self, request: ParseRequest) -> None:
        frame = encode(request)
        stdin = self._process.stdin
        if stdin is None:
            raise await self._crashed()
        try:
            stdin.write(HEADER.pack(len(frame)))
            stdin.write(frame)
            await stdin.drain()
        except OSError as error:  # it is gone, and its pipe with it
            raise await self._crashed() from error

    async def _read(self) -> Answer:
        stdout = self._process.stdout
        if stdout is None:
            raise await self._crashed()
        try:
            (length,) = HEADER.unpack(await stdout.readexactly(HEADER.size))
            return decode_answer(await stdout.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError) as error:
            raise await self._crashed() from error

    async def _crashed(self) -> WorkError:
        """Its pipe is closed: give it the time to end by what ended it, so that the signal can be told."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DYING_SECONDS):
                await self._process.wait()
        await self.kill()
        _log.warning(
            "parser_process_ended",
            pid=self.pid,
            returncode=self._process.returncode,
            said=self.said()[-2000:],
        )
        return ended(self._process.returncode, self.said(), cpu_seconds=self._cpu_seconds)

    async def _listen(self) -> None:
        """Keep the end of stderr; a full pipe would stop the process."""
        stderr = self._process.stderr
        while stderr is not None and (text := await stderr.read(_SAID_BYTES)):
            self._said += text
            del self._said[:-_SAID_BYTES]


def _whole(answer: Finished, chunks: list[Chunk]) -> Parsed:
    return msgspec.structs.replace(answer.parsed, chunks=chunks) if chunks else answer.parsed
