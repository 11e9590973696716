from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.errors import ErrorCode
from shared.observability.metrics import JOB_FAILURES, JOBS_FINISHED, RECLAIMED_JOBS

if TYPE_CHECKING:
    from collections.abc import Callable

    from janitor.ports import Reclaims


class ReclaimLost:
    """Takes back jobs whose worker gives no sign of life, whose deadline has passed, or whose result was lost.

    Args:
        reclaims: finds and takes them.
        at_once: jobs in one transaction.
        slices: transactions in one turn.
        settled: whether Postgres has been there long enough. After an outage every lease has lapsed, though every
            worker may be well: first they have the time to say so, or the outage would count against their jobs.
    """

    def __init__(self, *, reclaims: Reclaims, at_once: int, slices: int, settled: Callable[[], bool]) -> None:
        self._reclaims = reclaims
        self._at_once = at_once
        self._slices = slices
        self._settled = settled

    async def run_once(self) -> dict[str, int]:
        """Take back what is lost now."""
        changes: Counter[str] = Counter()
        if not self._settled():
            return {}
        for _ in range(self._slices):
            done = await self._reclaims.reclaim(at_most=self._at_once)
            for cause, jobs in (done.queued + done.failed).items():
                RECLAIMED_JOBS.inc(cause, amount=jobs)
            for kind, status in done.endings:
                JOBS_FINISHED.inc(kind, status)
            failed = done.failed.total()
            if failed:
                JOB_FAILURES.inc(ErrorCode.LEASE_LOST, amount=failed)
            found = Counter(queued=done.queued.total(), failed=failed, cancelled=done.cancelled)
            changes += found
            if found.total() < self._at_once:
                break
        return dict(changes)
