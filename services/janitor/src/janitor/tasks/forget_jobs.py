from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.postgres.cleanup import CleanupWish, Place
from shared.states import TERMINAL, JobStatus

if TYPE_CHECKING:
    from uuid import UUID

    from janitor.ports import CleanupRows


class ForgetJobs:
    """Removes jobs of every tenant that ended longer ago than they are kept; what something needs stays.

    Args:
        rows: of the jobs.
        keep_seconds: 0 keeps them for ever.
        at_once: runs in one transaction.
        slices: transactions in one turn.
    """

    def __init__(self, *, rows: CleanupRows, keep_seconds: float, at_once: int, slices: int) -> None:
        self._rows = rows
        self._wish = CleanupWish(
            statuses=frozenset(JobStatus(status) for status in TERMINAL), older_than_seconds=keep_seconds
        )
        self._at_once = at_once
        self._slices = slices

    async def run_once(self) -> dict[str, int]:
        """Remove the next ones."""
        removed: Counter[str] = Counter()
        left = self._slices
        if not self._wish.older_than_seconds:
            return {}
        for tenant_id in await self._rows.tenants():
            left -= await self._of_tenant(tenant_id, left, removed)
            if left <= 0:
                break
        return dict(removed)

    async def _of_tenant(self, tenant_id: UUID, slices: int, removed: Counter[str]) -> int:
        """How many transactions it took."""
        place, used = Place(), 0
        while used < slices:
            batch, place = await self._rows.removable(
                tenant_id, self._wish, after=place, at_most=self._at_once
            )
            more = bool(batch)
            if not batch:
                break
            while more and used < slices:
                done = await self._rows.remove(tenant_id, self._wish, batch)
                removed += done.counts
                more = done.more
                used += 1
        return used
