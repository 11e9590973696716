from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import AuditRows, WatchRows
    from janitor.usecases.verify_places import VerifyPlaces
    from shared.postgres.upkeep_watch import ChangedVersion


class VerifyChanged:
    """Looks again at what came to be served since the last time: each of its objects is found by its own vector.

    What was deleted since needs no look: the purge deletes every tombstone a second time, by its id.
    """

    def __init__(
        self,
        *,
        rows: AuditRows,
        places: VerifyPlaces,
        watched: WatchRows,
        settled_seconds: float,
        objects_per_turn: int,
        versions_per_turn: int,
    ) -> None:
        """``settled_seconds``: how old a version is at least; a margin for transactions that have just begun."""
        self._rows = rows
        self._places = places
        self._watched = watched
        self._settled_seconds = settled_seconds
        self._objects_per_turn = objects_per_turn
        self._versions_per_turn = versions_per_turn

    async def run_once(self) -> dict[str, int]:
        """Look at the next versions, by the time of their activation; one at least, however large it is."""
        changed = await self._watched.changed(
            settled_seconds=self._settled_seconds, at_most=self._versions_per_turn
        )
        some = _within(changed, self._objects_per_turn)
        if not some:
            return {}
        served = await self._rows.active_of_documents(
            [one.source_id for one in some], [one.document_id for one in some]
        )
        broken = await self._places.verify(served.items())
        await self._watched.changes_seen(some[-1])
        return {"broken": broken}


def _within(versions: list[ChangedVersion], objects: int) -> list[ChangedVersion]:
    taken: list[ChangedVersion] = []
    for version in versions:
        objects -= version.chunk_count
        if taken and objects < 0:
            break
        taken.append(version)
    return taken
