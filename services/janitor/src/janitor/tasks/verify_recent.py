from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import AuditRows, StoreWatch, WatchRows
    from janitor.usecases.verify_places import VerifyPlaces


class VerifyRecent:
    """Verifies recent batches again after each start of Weaviate: a crash may take vectors of what was acknowledged last.

    Newest first. What is still owed is kept in Postgres: neither the end of a janitor nor its absence in the moment
    of the restart loses it.
    """

    def __init__(
        self,
        *,
        rows: AuditRows,
        places: VerifyPlaces,
        watch: StoreWatch,
        watched: WatchRows,
        batches_per_turn: int,
    ) -> None:
        """``batches_per_turn`` is at least 2."""
        self._rows = rows
        self._places = places
        self._watch = watch
        self._watched = watched
        self._batches_per_turn = batches_per_turn

    async def run_once(self) -> dict[str, int]:
        """Verify the next ones, if any are owed."""
        watch = await self._watch.look()
        if watch.recheck_from is None or watch.recheck_to is None:
            return {}
        batches = await self._rows.recent_batches(
            since=watch.recheck_from, until=watch.recheck_to, at_most=self._batches_per_turn
        )
        broken = await self._places.verify(
            [(batch.place, await self._rows.active_of_batch(batch.batch_id)) for batch in batches]
        )
        # Those that were closed in the same moment as the last one are verified twice rather than not at all.
        is_last = len(batches) < self._batches_per_turn
        await self._watched.rechecked(starts=watch.starts, down_to=None if is_last else batches[-1].closed_at)
        return {"batches": len(batches), "broken": broken}
