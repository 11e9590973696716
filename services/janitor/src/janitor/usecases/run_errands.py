"""Doing errands: a few at once, step by step, in turns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from janitor.core.steps import Complete, Lost, More
from shared.errors import DependencyUnavailableError, ErrorCode, WorkError
from shared.lifecycle import wait_or_stop
from shared.observability.logging import log_context
from shared.observability.metrics import JOB_FAILURES, JOBS_FINISHED
from shared.outages import Outage
from shared.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from janitor.ports import ErrandRows, ErrandWork
    from shared.contracts.errands import Errand
    from shared.states import ErrandType

_log = structlog.get_logger(__name__)


class RunErrands:
    """Takes errands from the rows and does them until the process stops.

    Whoever cancels or reclaims one changes its row; the next step finds that out and leaves it. An errand that has had
    its turn goes to the end of the line when others wait, so that a long one keeps nobody waiting.

    Args:
        rows: of the errands.
        works: by their types.
        at_once: errands.
        every_seconds: between two looks for new ones.
        turn_seconds: after which one makes room.
        hand_back_seconds: how long handing one back at a stop may take.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        rows: ErrandRows,
        works: Mapping[ErrandType, ErrandWork],
        at_once: int,
        every_seconds: float,
        turn_seconds: float,
        clock: Callable[[], float],
        hand_back_seconds: float = 5.0,
    ) -> None:
        self._rows = rows
        self._works = works
        self._at_once = at_once
        self._every_seconds = every_seconds
        self._turn_seconds = turn_seconds
        self._hand_back_seconds = hand_back_seconds
        self._clock = clock
        self._at_work: dict[UUID, asyncio.Task[None]] = {}
        self._outage = Outage(
            activity="take_errands", first_seconds=every_seconds, longest_seconds=15 * every_seconds
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then what is under way is handed back, which spends no attempt."""
        pause = 0.0
        try:
            while not await wait_or_stop(stop, pause):
                pause = await self._look(stop)
        finally:
            for task in self._at_work.values():
                task.cancel()
            if self._at_work:
                await asyncio.wait(self._at_work.values(), timeout=self._hand_back_seconds)

    async def _look(self, stop: asyncio.Event) -> float:
        try:
            while len(self._at_work) < self._at_once:
                errand = await self._rows.take(known=self._at_work)
                if errand is None:
                    break
                self._begin(errand, stop)
        except DependencyUnavailableError as error:
            return self._outage.failed(error)
        self._outage.over()
        return self._every_seconds

    def _begin(self, errand: Errand, stop: asyncio.Event) -> None:
        task = asyncio.create_task(self._do(errand, stop), name=f"errand {errand.id}")
        self._at_work[errand.id] = task
        task.add_done_callback(lambda _: self._at_work.pop(errand.id, None))

    async def _do(self, errand: Errand, stop: asyncio.Event) -> None:
        with log_context(job_id=str(errand.id), request_id=errand.request_id):
            try:
                await self._steps(errand, stop)
            except asyncio.CancelledError:
                await self._hand_back(errand)
                raise
            except Exception:  # noqa: BLE001  (it is reclaimed when its deadline has passed; the others go on)
                _log.exception("errand_left")

    async def _steps(self, errand: Errand, stop: asyncio.Event) -> None:
        until = self._clock() + self._turn_seconds
        outage = Outage(activity=f"errand_{errand.type}", aloud=False)
        pause = 0.0
        while not await wait_or_stop(stop, pause):
            try:
                more = await self._step(errand)
                if more is None:
                    return
                errand, pause = more.errand, more.pause_seconds
                outage.over()
                if self._clock() > until and await self._rows.any_waits():
                    await self._rows.hand_back(errand)
                    return
            except DependencyUnavailableError as error:
                pause = outage.failed(error)
        await self._hand_back(errand)

    async def _step(self, errand: Errand) -> More | None:
        """One step; None where there is none after it."""
        try:
            step = await self._works[errand.type].step(errand)
        except DependencyUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  (logged, and kept as the job's error)
            await self._fail(errand, error)
            return None
        match step:
            case More():
                return step
            case Complete(done):
                if await self._rows.succeed(done):
                    _tell(done, JobStatus.SUCCEEDED)
            case Lost():
                pass
        return None

    async def _fail(self, errand: Errand, error: Exception) -> None:
        failure = _failure(error)
        status = await self._rows.fail(errand, failure)
        if status is JobStatus.FAILED:
            JOB_FAILURES.inc(failure.code)
            _tell(errand, status)

    async def _hand_back(self, errand: Errand) -> None:
        try:
            async with asyncio.timeout(self._hand_back_seconds):
                await self._rows.hand_back(errand)
        except (DependencyUnavailableError, TimeoutError) as error:
            _log.warning("not_handed_back", error=str(error) or type(error).__name__)


def _tell(errand: Errand, status: JobStatus) -> None:
    JOBS_FINISHED.inc(errand.type, status)
    _log.info("errand_ended", type=errand.type.value, status=status.value)


def _failure(error: Exception) -> WorkError:
    if isinstance(error, WorkError):
        return error
    _log.error("errand_failed_unexpectedly", exc_info=error)
    return WorkError(
        ErrorCode.INTERNAL_ERROR,
        f"Quern made a mistake with this job ({type(error).__name__}): the janitor's log has the details.",
        retryable=True,
    )
