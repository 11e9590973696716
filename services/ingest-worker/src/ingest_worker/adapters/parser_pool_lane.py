"""A lane of parser processes: those who wait are served in order, and no lane waits for another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ingest_worker.adapters.parser_pool_process import ParserProcess
from ingest_worker.core.parser_exit import timed_out
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_log = structlog.get_logger(__name__)

_CLOSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """How a lane keeps its processes.

    Attributes:
        processes: at most.
        kept: processes that stay when there is nothing to do; more than that end after ``idle_seconds``.
        max_waiting: documents that may wait; more are refused.
        wait_seconds: how long one may wait for a process.
        start_seconds: for a process to be ready.
        idle_seconds: without work, until a process is ended, or replaced where it has grown.
        memory_bytes: RLIMIT_DATA of a process.
        cpu_seconds: CPU time for one document.
        max_documents: after so many a process is replaced.
        grown_bytes: a process with more resident memory is replaced after its document.
        rest_bytes: a kept process with more resident memory is replaced when it has been idle.
    """

    processes: int
    kept: int
    max_waiting: int
    wait_seconds: float
    start_seconds: float
    idle_seconds: float
    memory_bytes: int
    cpu_seconds: int
    max_documents: int
    grown_bytes: int
    rest_bytes: int


class Lane:
    """Runs documents in up to ``rules.processes`` processes, started when they are needed."""

    def __init__(self, rules: LaneRules) -> None:
        self._rules = rules
        self._slots = asyncio.Semaphore(rules.processes)
        self._idle: list[ParserProcess] = []
        self._busy: set[ParserProcess] = set()
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False
        self._starting = False

    @property
    def pids(self) -> list[int]:
        """The processes of this lane."""
        return [process.pid for process in (*self._idle, *self._busy)]

    @property
    def waiting(self) -> int:
        """How many documents wait for a process."""
        return self._waiting

    @property
    def busy(self) -> int:
        """How many documents are being parsed."""
        return len(self._busy)

    async def start(self) -> None:
        """Start the processes that are kept.

        Raises:
            DependencyUnavailableError: they do not start.
        """
        while len(self._idle) < self._rules.kept:
            self._idle.append(await self._started())
        self._wake_reaper()

    async def run(self, request: ParseRequest, *, timeout_seconds: float) -> Parsed:
        """Parse a document; waiting for a process does not count towards its time.

        Raises:
            WorkError: the document's failure, ``parser_timeout`` among them.
            DependencyUnavailableError: too many wait, none came free, or the lane is closed.
        """
        await self._take_slot()
        try:
            process = await self._ready()
            self._busy.add(process)
            try:
                self._refuse_if_closed()  # it may have been while the process started
                async with asyncio.timeout(timeout_seconds):
                    return await process.parse(request)
            except TimeoutError as error:
                raise timed_out(timeout_seconds) from error
            finally:
                await self._after(process)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """End all processes of this lane; documents under way end with an error."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for process in (*self._busy, *self._idle):
            await process.kill()
        self._idle.clear()
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _take_slot(self) -> None:
        self._refuse_if_closed()
        if self._waiting >= self._rules.max_waiting:
            raise DependencyUnavailableError(
                "parser", f"{self._waiting} documents wait for a parser already."
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._rules.wait_seconds):
                await self._slots.acquire()
        except TimeoutError as error:
            sentence = f"No parser came free within {self._rules.wait_seconds:g} seconds."
            raise DependencyUnavailableError("parser", sentence) from error
        finally:
            self._waiting -= 1
        if self._closed:
            self._slots.release()
        self._refuse_if_closed()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise DependencyUnavailableError("parser", "The worker is shutting down.")

    async def _ready(self) -> ParserProcess:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            await process.kill()  # it died while nobody used it
        return await self._started()

    async def _started(self) -> ParserProcess:
        rules = self._rules
        return await ParserProcess.start(
            memory_bytes=rules.memory_bytes, cpu_seconds=rules.cpu_seconds, start_seconds=rules.start_seconds
        )

    async def _after(self, process: ParserProcess) -> None:
        """Keep a process that ended its document well and is small and young enough; else end it."""
        self._busy.discard(process)
        if not process.free:
            await process.kill()
        elif self._closed or self._is_spent(process):
            self._retire(process)
        else:
            self._idle.append(process)
        self._replace_missing()
        self._wake_reaper()

    def _is_spent(self, process: ParserProcess) -> bool:
        rules = self._rules
        return process.documents >= rules.max_documents or process.resident_bytes > rules.grown_bytes

    def _wake_reaper(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        if not self._closed:
            self._reaper = asyncio.get_running_loop().call_later(self._rules.idle_seconds, self._rest)

    def _rest(self) -> None:
        """Nothing was parsed for a while: end what is not kept, replace what has grown."""
        for process in [*self._idle]:
            if len(self._idle) > self._rules.kept or process.resident_bytes > self._rules.rest_bytes:
                self._idle.remove(process)
                self._retire(process)
        self._replace_missing()

    def _replace_missing(self) -> None:
        """Start what is kept and missing now, not when the next document waits for it."""
        if not self._closed and not self._starting and self._missing():
            self._starting = True
            self._spawn(self._refill())

    def _missing(self) -> bool:
        return len(self._idle) + len(self._busy) < self._rules.kept

    async def _refill(self) -> None:
        try:
            process = await self._started()
        except DependencyUnavailableError as error:
            _log.warning("parser_process_not_started", error=str(error))
            return
        finally:
            self._starting = False
        if self._closed or not self._missing():
            await process.close(seconds=_CLOSE_SECONDS)
        else:
            self._idle.append(process)

    def _retire(self, process: ParserProcess) -> None:
        self._spawn(process.close(seconds=_CLOSE_SECONDS))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
