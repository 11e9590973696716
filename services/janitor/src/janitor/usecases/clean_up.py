"""The errand ``cleanup``: removing jobs that ended long ago."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from janitor.core.steps import Complete, Lost, More
from shared.postgres.cleanup import CleanupWish, Place, counted
from shared.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from janitor.core.steps import Step
    from janitor.ports import ErrandCleanupRows, ErrandRows
    from shared.contracts.errands import Errand

_log = structlog.get_logger(__name__)

_DAY_SECONDS: Final = 86_400.0
_WALKS: Final = 100


@dataclass(slots=True)
class _Walk:
    """Where one errand is: known to this process alone, another one begins anew and finds only what is left."""

    epoch: int
    place: Place
    batch: Sequence[UUID] = ()


class CleanUp:
    """Removes ended runs in batches; of a dry run it only counts them.

    Args:
        rows: of the jobs.
        errands: whose progress is noted.
        min_age_seconds: what no payload can go below, whoever wrote it.
        at_once: runs in one step.
    """

    def __init__(
        self, *, rows: ErrandCleanupRows, errands: ErrandRows, min_age_seconds: float, at_once: int
    ) -> None:
        self._rows = rows
        self._errands = errands
        self._min_age_seconds = min_age_seconds
        self._at_once = at_once
        self._walks: dict[UUID, _Walk] = {}

    async def step(self, errand: Errand) -> Step:
        """Remove, or count, the next batch."""
        wish = self._wish(errand)
        walk = self._walks.get(errand.id)
        if walk is None or walk.epoch != errand.epoch:
            return await self._begin(errand, wish)
        if not walk.batch:
            walk.batch, walk.place = await self._rows.removable(
                errand.tenant_id, wish, after=walk.place, at_most=self._at_once
            )
        if not walk.batch:
            return self._complete(errand)
        if errand.payload.get("dry_run"):
            done = counted(errand, await self._rows.count(walk.batch))
            walk.batch = ()
            return More(done) if await self._errands.advance(done) else Lost()
        return await self._remove(errand, wish, walk)

    async def _begin(self, errand: Errand, wish: CleanupWish) -> Step:
        """How much there is to look at. A dry run that was cut short counts from the beginning."""
        while len(self._walks) >= _WALKS:
            self._walks.pop(next(iter(self._walks)))
        self._walks[errand.id] = _Walk(errand.epoch, Place())
        dry = bool(errand.payload.get("dry_run"))
        if dry:
            errand = replace(errand, stats={}, progress=replace(errand.progress, succeeded=0))
        ended = await self._rows.count_ended(errand.tenant_id, wish)
        total = errand.progress.succeeded + ended
        begun = counted(errand, Counter()).advanced(replace(errand.progress, total=total), dry_run=dry)
        going_on = await self._errands.advance(begun, line="looked", ended=ended, dry_run=dry)
        return More(begun) if going_on else Lost()

    async def _remove(self, errand: Errand, wish: CleanupWish, walk: _Walk) -> Step:
        found = await self._rows.remove_for(errand, wish, walk.batch)
        if found is None:
            return Lost()
        removed, done = found
        if not removed.more:
            walk.batch = ()
        _log.info("jobs_removed", **removed.counts)
        return More(done)

    def _complete(self, errand: Errand) -> Step:
        """What was looked at and is not gone had to stay."""
        self._walks.pop(errand.id, None)
        progress = errand.progress
        kept = max(0, progress.total - progress.succeeded)
        total = progress.succeeded + kept
        return Complete(errand.advanced(replace(progress, total=total, skipped=kept), kept=kept))

    def _wish(self, errand: Errand) -> CleanupWish:
        asked = float(errand.payload["age_threshold_days"]) * _DAY_SECONDS
        return CleanupWish(
            statuses=frozenset(JobStatus(word) for word in errand.payload["status_filter"]),
            older_than_seconds=max(asked, self._min_age_seconds),
        )
