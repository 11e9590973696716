from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Prunes


class PrunePages:
    """Retires, in slices, the many documents that a person approved to be gone, or that nobody had to be asked about."""

    def __init__(self, *, prunes: Prunes, runs: int, slices: int) -> None:
        """At most ``slices`` transactions for each of ``runs`` runs in one turn."""
        self._prunes = prunes
        self._runs = runs
        self._slices = slices

    async def run_once(self) -> dict[str, int]:
        """Retire the next ones."""
        retired = finished = 0
        for run_id in await self._prunes.unfinished(at_most=self._runs):
            for _ in range(self._slices):
                done = await self._prunes.retire_next(run_id)
                retired += done.retired
                finished += done.finished
                if done.finished or not done.found:
                    break
        return {"retired": retired, "finished": finished}
