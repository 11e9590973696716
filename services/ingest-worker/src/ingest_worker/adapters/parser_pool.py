"""Parsing in other processes: a hostile file takes down its own process and nothing else, and pages wait for no file.

Two lanes. The quick one is for documents of up to ``quick_max_bytes``; what takes longer than ``quick_seconds`` there is
started anew in the other, which also has everything larger. So a slow or huge document holds up its own kind alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest_worker.adapters.parser_pool_lane import Lane, LaneRules
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTuning:
    """Figures that hardly anyone needs to change; measured, see the pool's benchmark.

    Attributes:
        heavy_processes: at most, for what is large or slow.
        quick_max_bytes: a document that is larger is heavy.
        quick_seconds: a document that takes longer is heavy.
        max_waiting: documents that may wait in a lane.
        wait_seconds: how long a document may wait for a process.
        start_seconds: for a new process to be ready.
        idle_seconds: until unneeded processes end.
        cpu_seconds: CPU time for one document, whatever its time limit.
        max_documents: of one process, then it is replaced.
        grown_bytes: resident memory with which a process is replaced after its document.
        rest_bytes: resident memory with which a process is replaced when there is nothing to do.
    """

    heavy_processes: int = 1
    quick_max_bytes: int = 2 << 20
    quick_seconds: float = 5.0
    max_waiting: int = 256
    wait_seconds: float = 900.0
    start_seconds: float = 30.0
    idle_seconds: float = 20.0
    cpu_seconds: int = 900
    max_documents: int = 5_000
    grown_bytes: int = 300 << 20
    rest_bytes: int = 64 << 20


class ParserPool:
    """The worker's parsers.

    Args:
        processes: at most, for quick documents; ``tuning.heavy_processes`` come on top while there is heavy work.
        memory_limit_bytes: what one parser process may take.
        tuning: the rest.
    """

    def __init__(
        self, *, processes: int = 1, memory_limit_bytes: int = 2 << 30, tuning: PoolTuning | None = None
    ) -> None:
        self._tuning = tuning or PoolTuning()
        self._quick = Lane(self._rules(processes, memory_limit_bytes, kept=1))
        self._heavy = Lane(self._rules(self._tuning.heavy_processes, memory_limit_bytes, kept=0))

    def _rules(self, processes: int, memory_bytes: int, *, kept: int) -> LaneRules:
        tuning = self._tuning
        return LaneRules(
            processes=processes,
            kept=kept,
            max_waiting=tuning.max_waiting,
            wait_seconds=tuning.wait_seconds,
            start_seconds=tuning.start_seconds,
            idle_seconds=tuning.idle_seconds,
            memory_bytes=memory_bytes,
            cpu_seconds=tuning.cpu_seconds,
            max_documents=tuning.max_documents,
            grown_bytes=tuning.grown_bytes,
            rest_bytes=tuning.rest_bytes,
        )

    @property
    def pids(self) -> list[int]:
        """The running parser processes."""
        return self._quick.pids + self._heavy.pids

    @property
    def busy(self) -> int:
        """Documents that are being parsed."""
        return self._quick.busy + self._heavy.busy

    @property
    def waiting(self) -> int:
        """Documents that wait for a process."""
        return self._quick.waiting + self._heavy.waiting

    async def start(self) -> None:
        """Start the process that is kept.

        Raises:
            DependencyUnavailableError: it does not start.
        """
        await self._quick.start()

    async def parse(self, request: ParseRequest, *, timeout_seconds: float) -> Parsed:
        """Parse a document.

        Args:
            request: the document.
            timeout_seconds: wall-clock time for parsing; its process is killed then. Waiting does not count.

        Raises:
            WorkError: with a code and a sentence for whatever is wrong with the document.
            DependencyUnavailableError: no parser can be had: hand the document back.
        """
        quick_seconds = min(self._tuning.quick_seconds, timeout_seconds)
        if _size(request) <= self._tuning.quick_max_bytes:
            try:
                return await self._quick.run(request, timeout_seconds=quick_seconds)
            except WorkError as error:
                if error.code != ErrorCode.PARSER_TIMEOUT or quick_seconds >= timeout_seconds:
                    raise
        return await self._heavy.run(request, timeout_seconds=timeout_seconds)

    async def aclose(self) -> None:
        """End all parser processes; documents under way end with an error. Idempotent."""
        await self._quick.aclose()
        await self._heavy.aclose()


def _size(request: ParseRequest) -> int:
    if request.path is None:
        return len(request.body or b"")
    try:
        return request.path.stat().st_size
    except OSError:  # opening it tells what is wrong
        return 0
