from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from janitor.core.auditing import Slice, common_slice
from shared.observability.metrics import AUDIT_MISSING_FOUND, AUDIT_ORPHANS_FOUND, AUDIT_REPAIRED
from shared.vectors.errors import CollectionMissingError, TenantMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from uuid import UUID

    from janitor.ports import AuditRows, Vectors
    from shared.postgres.upkeep_audit import Broken, Place

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """The budget of the audit.

    Attributes:
        at_once: objects of one slice.
        objects_per_turn: compared in one turn; what is found broken does not count, so that a Weaviate that lost
            its data is noticed as a whole at once.
        places_per_turn: tenants and collections visited in one turn.
        slices_per_turn: of one place, however much of it is broken.
        recent_seconds: how old a batch may be that is verified again after Weaviate was away.
        recent_batches: how many of them at most.
    """

    at_once: int
    objects_per_turn: int
    places_per_turn: int
    slices_per_turn: int
    recent_seconds: float
    recent_batches: int


class SweepOrphans:
    """The audit: compares Weaviate with Postgres, deletes what does not belong there, has replaced what is missing.

    A rolling walk over the ids of both, slice by slice. Strangers are judged after Weaviate was read, because every
    object is in Postgres before it is sent. What is missing, or not found by its own vector, is judged again in
    Postgres after Weaviate was asked, and handed to the consumers.
    """

    def __init__(
        self,
        *,
        rows: AuditRows,
        vectors: Vectors,
        options: AuditOptions,
        incarnation: Callable[[], object],
    ) -> None:
        """``incarnation`` is a value that changes when Weaviate was away."""
        self._rows = rows
        self._vectors = vectors
        self._options = options
        self._incarnation = incarnation
        self._seen: object = None

    async def run_once(self) -> dict[str, int]:
        """Compare the next slices."""
        changes: Counter[str] = Counter()
        await self._verify_recent(changes)
        budget = self._options.objects_per_turn
        for place in await self._rows.places(at_most=self._options.places_per_turn):
            if budget <= 0:
                break
            budget -= await self._visit(place, changes)
        return dict(changes)

    async def _verify_recent(self, changes: Counter[str]) -> None:
        """A crash may take vectors of what was acknowledged last: newest batches first, each as a whole."""
        now = self._incarnation()
        if now == self._seen:
            return
        recent = await self._rows.recent_batches(
            within_seconds=self._options.recent_seconds, at_most=self._options.recent_batches
        )
        for batch in recent:
            active = await self._rows.active_of_batch(batch.batch_id)
            lost = await self._not_findable(batch.place, active)
            if lost:
                there = await self._existing(batch.place, lost)
                await self._note(_kinds(lost - there, there), changes)
        self._seen = now

    async def _visit(self, place: Place, changes: Counter[str]) -> int:
        """Compare slices of a place until one is sound; returns how many objects the sound one had, at least 1."""
        for _ in range(self._options.slices_per_turn):
            part, broken = await self._compare(place, changes)
            sound = len(part.expected) - broken
            if part.upper is None or sound * 2 > len(part.expected):
                return max(1, sound, len(part.stored))
            place = replace(place, after=part.upper)
        return 1

    async def _compare(self, place: Place, changes: Counter[str]) -> tuple[Slice, int]:
        limit = self._options.at_once
        expected = await self._rows.active(place, at_most=limit)
        part = common_slice(await self._stored(place), expected, limit=limit)
        orphans = await self._delete_strangers(place, part.unexpected)
        absent = part.absent - await self._existing(place, part.absent)
        hollow = await self._not_findable(place, part.present | (part.absent - absent))
        broken = await self._note(_kinds(absent, hollow), changes)
        changes["orphans"] += orphans
        await self._rows.advance(place, after=part.upper, missing=broken.broken, orphans=orphans)
        return part, broken.broken

    async def _delete_strangers(self, place: Place, object_ids: Collection[UUID]) -> int:
        strangers = await self._rows.strangers(place, object_ids) if object_ids else []
        # A tombstone may have been emptied and forgotten meanwhile: only what is still there was an orphan.
        orphans = await self._existing(place, strangers)
        if not orphans:
            return 0
        await self._vectors.delete_by_ids(place.collection, place.tenant, orphans)
        AUDIT_ORPHANS_FOUND.inc(amount=len(orphans))
        AUDIT_REPAIRED.inc("orphans", amount=len(orphans))
        _log.warning(
            "orphans_deleted", tenant=place.tenant, collection=place.collection, objects=len(orphans)
        )
        return len(orphans)

    async def _note(self, kinds: dict[UUID, str], changes: Counter[str]) -> Broken:
        found = await self._rows.note_broken(kinds)
        if found.noted:
            AUDIT_MISSING_FOUND.inc(amount=found.noted)
            changes["broken"] += found.noted
            _log.warning("objects_broken", objects=found.noted)
        return found

    async def _stored(self, place: Place) -> list[UUID]:
        try:
            entries = await self._vectors.scan(
                place.collection, place.tenant, after=place.after, limit=self._options.at_once
            )
        except (CollectionMissingError, TenantMissingError):
            return []
        return [entry.object_id for entry in entries]

    async def _existing(self, place: Place, object_ids: Collection[UUID]) -> set[UUID]:
        if not object_ids:
            return set()
        try:
            return await self._vectors.existing(place.collection, place.tenant, object_ids)
        except (CollectionMissingError, TenantMissingError):
            return set()

    async def _not_findable(self, place: Place, object_ids: Collection[UUID]) -> set[UUID]:
        """Asked twice before it counts: replacing an object costs more than asking."""
        lost = set(object_ids)
        for _ in range(2):
            if not lost:
                break
            try:
                lost -= await self._vectors.vector_findable(place.collection, place.tenant, lost)
            except (CollectionMissingError, TenantMissingError):
                break
        return lost


def _kinds(absent: Iterable[UUID], hollow: Iterable[UUID]) -> dict[UUID, str]:
    return dict.fromkeys(absent, "missing") | dict.fromkeys(hollow, "hollow")
