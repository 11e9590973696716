from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.observability.metrics import (
    AUDIT_MISSING,
    AUDIT_ORPHANS,
    JOBS_OPEN,
    LEDGER_IMBALANCE,
    OLDEST_WAITING_JOB,
)

if TYPE_CHECKING:
    from janitor.ports import Sums

_log = structlog.get_logger(__name__)


class CheckLedger:
    """Compares the ledger with the rows, and shows what else is true of the whole installation.

    Every janitor does this for itself: a gauge of one that lost its turn would be old.
    """

    def __init__(self, *, sums: Sums) -> None:
        self._sums = sums
        self._imbalance = 0

    async def run_once(self) -> dict[str, int]:
        """Look, and set the gauges; changes nothing."""
        figures = await self._sums.read()
        LEDGER_IMBALANCE.set(figures.imbalance)
        OLDEST_WAITING_JOB.set(figures.oldest_waiting_seconds)
        AUDIT_MISSING.set(figures.missing)
        AUDIT_ORPHANS.set(figures.orphans)
        for status, jobs in figures.open_jobs.items():
            JOBS_OPEN.set(jobs, status)
        if figures.imbalance != self._imbalance:
            log = _log.error if figures.imbalance else _log.info
            log("ledger_imbalance", imbalance=figures.imbalance)
            self._imbalance = figures.imbalance
        return {}
