from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from janitor.core.auditing import altered, common_slice
from shared.errors import DependencyError

if TYPE_CHECKING:
    from uuid import UUID

    from janitor.ports import AuditRows, StoreWatch, WatchRows
    from janitor.usecases.check_objects import CheckObjects
    from shared.postgres.upkeep_audit import Place

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """The budget of the rolling audit.

    Attributes:
        at_once: objects of one slice.
        objects_per_turn: compared in one turn; what is found broken does not count, so that a Weaviate that lost
            its data is noticed as a whole at once.
        full_objects_per_turn: the same while everything has to be compared.
        places_per_turn: tenants and collections visited in one turn.
        slices_per_turn: of one place, however much of it is broken.
    """

    at_once: int
    objects_per_turn: int
    full_objects_per_turn: int
    places_per_turn: int
    slices_per_turn: int


class AuditIndex:
    """The rolling audit: compares Weaviate with Postgres, deletes what does not belong there, has replaced what is off.

    A walk over the ids of both, slice by slice. Strangers are judged after Weaviate was read, because every object is
    in Postgres before it is sent. What is missing, not found by its own vector, or says of itself what its row does
    not, is judged again in Postgres after Weaviate was asked, and handed to the consumers.
    """

    def __init__(
        self,
        *,
        rows: AuditRows,
        check: CheckObjects,
        watch: StoreWatch,
        watched: WatchRows,
        options: AuditOptions,
    ) -> None:
        self._rows = rows
        self._check = check
        self._watch = watch
        self._watched = watched
        self._options = options

    async def run_once(self) -> dict[str, int]:
        """Compare the next slices; after a restore as many as a turn can bear."""
        changes: Counter[str] = Counter()
        watch = await self._watch.look()
        if not watch.is_full:
            await self._round(self._options.objects_per_turn, changes)
            return dict(changes)
        budget = self._options.full_objects_per_turn
        while budget > 0:
            budget -= max(1, await self._round(budget, changes))
            if await self._watched.end_full():
                _log.info("full_audit_ended")
                changes["full"] += 1
                break
        return dict(changes)

    async def _round(self, budget: int, changes: Counter[str]) -> int:
        """Visit each place once; returns how many objects were compared."""
        left = budget
        for place in await self._rows.places(at_most=self._options.places_per_turn):
            if left <= 0:
                break
            try:
                left -= await self._visit(place, changes)
            except DependencyError:
                # It goes to the end of the line: a place that fails alone must not keep all others from their turn.
                await self._rows.pass_over(place)
                raise
        return budget - left

    async def _visit(self, place: Place, changes: Counter[str]) -> int:
        """Compare slices of a place until one is sound; returns how many objects the sound one had, at least 1."""
        for _ in range(self._options.slices_per_turn):
            upper, expected, sound = await self._compare(place, changes)
            if upper is None or sound * 2 > expected:
                return max(1, sound)
            place = replace(place, after=upper)
        return 1

    async def _compare(self, place: Place, changes: Counter[str]) -> tuple[UUID | None, int, int]:
        """Compare one slice; returns where it ends, how many objects it must have, and how many are sound."""
        limit, check = self._options.at_once, self._check
        active = {one.object_id: one for one in await self._rows.active(place, at_most=limit)}
        stored = {one.object_id: one for one in await check.stored(place, at_most=limit)}
        part = common_slice(list(stored), list(active), limit=limit)
        orphans = await check.delete_strangers(place, part.unexpected)
        live = {key for key in part.expected if active[key].is_live}
        absent = (part.absent & live) - await check.existing(place, part.absent & live)
        hollow = await check.not_findable(place, live - absent)
        lying = {key for key in part.present & live - hollow if altered(stored[key], active[key])}
        broken = await check.note(
            dict.fromkeys(absent, "missing")
            | dict.fromkeys(hollow, "hollow")
            | dict.fromkeys(lying, "altered")
        )
        changes["broken"] += broken.noted
        changes["orphans"] += orphans
        await self._rows.advance(place, after=part.upper, missing=broken.broken, orphans=orphans)
        return part.upper, len(live), len(live) - broken.broken
