"""The errand ``reembed``: a source's index made anew by the way that repairs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from janitor.core.steps import Complete, Lost, More
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from janitor.core.steps import Step
    from janitor.ports import ErrandRebuilds, ErrandRows
    from shared.contracts.errands import Errand
    from shared.postgres.rebuilds import RebuildRow

_REBUILD: Final = "rebuild_id"
_CHANGED: Final = "collection_changed"


class Reembed:
    """Asks for a rebuild of the source and follows it: embedding and indexing is the consumers'.

    A rebuild that is under way for the source already is followed; it goes on when the errand is cancelled, its own
    ends with it.

    Args:
        rebuilds: of the index.
        errands: whose progress is noted.
        every_seconds: between two looks.
    """

    def __init__(self, *, rebuilds: ErrandRebuilds, errands: ErrandRows, every_seconds: float) -> None:
        self._rebuilds = rebuilds
        self._errands = errands
        self._every_seconds = every_seconds

    async def step(self, errand: Errand) -> Step:
        """Look how far it is.

        Raises:
            WorkError: another collection came to be written to.
        """
        followed = errand.stats.get(_REBUILD)
        rebuild = await self._rebuilds.get(errand.tenant_id, UUID(followed)) if followed else None
        if rebuild is None or rebuild.reason == "cancelled":
            return await self._ask(errand)
        done = _advanced(errand, rebuild)
        if rebuild.reason == _CHANGED:
            raise WorkError(
                ErrorCode.COLLECTION_CHANGED,
                "Another collection came to be written to meanwhile: run this job again.",
                retryable=False,
            )
        if rebuild.finished_at is not None:
            return Complete(done)
        # Also where nothing has moved: while Weaviate is away it waits, and shows that somebody is at it.
        return More(done, self._every_seconds) if await self._errands.advance(done) else Lost()

    async def _ask(self, errand: Errand) -> Step:
        rebuild = await self._rebuilds.ask_for(errand)
        if rebuild is None:
            return Lost()
        asked = _advanced(errand, rebuild)
        told = await self._errands.advance(asked, line="index_is_made_anew", objects=rebuild.total)
        return More(asked, self._every_seconds) if told else Lost()


def _advanced(errand: Errand, rebuild: RebuildRow) -> Errand:
    total = max(rebuild.total, rebuild.done)
    progress = replace(errand.progress, total=total, succeeded=rebuild.done)
    if rebuild.finished_at is not None and rebuild.reason is None:
        # What was superseded meanwhile needed no new object.
        progress = replace(progress, total=rebuild.done)
    return errand.advanced(progress, **{_REBUILD: str(rebuild.id)}, objects=rebuild.done)
