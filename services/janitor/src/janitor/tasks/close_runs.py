from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Jobs


class CloseRuns:
    """Ends runs that have no open page. Whoever ends the last page does this; here it is checked again."""

    def __init__(self, *, jobs: Jobs, stalled_seconds: float, at_most: int) -> None:
        """``stalled_seconds`` without movement make a run's rows count, whatever its counters say."""
        self._jobs = jobs
        self._stalled_seconds = stalled_seconds
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Check the open runs."""
        return dict(await self._jobs.close_runs(stalled_seconds=self._stalled_seconds, at_most=self._at_most))
