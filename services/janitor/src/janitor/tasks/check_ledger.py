from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from shared.observability.metrics import (
    AUDIT_MISSING,
    AUDIT_ORPHANS,
    FULL_AUDIT_SECONDS,
    HELD_PAGES,
    HELD_RUNS,
    JOBS_OPEN,
    LEDGER_IMBALANCE,
    OLDEST_WAITING_JOB,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from janitor.ports import Sums

_log = structlog.get_logger(__name__)

_SHARE: Final = 0.01
"""Of the time that comparing may take: it counts every job there is, and there may be millions."""


class CheckLedger:
    """Compares the ledger with the rows, and shows what else is true of the whole installation.

    Every janitor does this for itself: a gauge of one that lost its turn would be old.
    """

    def __init__(self, *, sums: Sums, clock: Callable[[], float]) -> None:
        """``clock`` tells seconds."""
        self._sums = sums
        self._clock = clock
        self._imbalance = 0
        self._not_before = clock()

    async def run_once(self) -> dict[str, int]:
        """Look, and set the gauges; changes nothing."""
        figures = await self._sums.read()
        OLDEST_WAITING_JOB.set(figures.oldest_waiting_seconds)
        AUDIT_MISSING.set(figures.missing)
        AUDIT_ORPHANS.set(figures.orphans)
        FULL_AUDIT_SECONDS.set(figures.full_audit_seconds)
        HELD_RUNS.set(figures.held_runs)
        HELD_PAGES.set(figures.held_pages)
        for status, jobs in figures.open_jobs.items():
            JOBS_OPEN.set(jobs, status)
        if self._clock() >= self._not_before:
            await self._compare()
        return {}

    async def _compare(self) -> None:
        begun = self._clock()
        imbalance = await self._sums.imbalance()
        ended = self._clock()
        self._not_before = ended + (ended - begun) / _SHARE
        LEDGER_IMBALANCE.set(imbalance)
        if imbalance != self._imbalance:
            log = _log.error if imbalance else _log.info
            log("ledger_imbalance", imbalance=imbalance)
            self._imbalance = imbalance
