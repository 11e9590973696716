from __future__ import annotations

from typing import TYPE_CHECKING

from shared.observability.metrics import ANNOUNCED_JOBS

if TYPE_CHECKING:
    from janitor.ports import Jobs


class RetryDeadJobs:
    """Queues dead jobs again whose class allows it, when their time has come."""

    def __init__(self, *, jobs: Jobs, at_most: int) -> None:
        self._jobs = jobs
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Retry what is due."""
        done = await self._jobs.retry_due(at_most=self._at_most)
        if done.retried:
            ANNOUNCED_JOBS.inc("retry", amount=done.retried)
        return {"retried": done.retried, "left": done.left}
