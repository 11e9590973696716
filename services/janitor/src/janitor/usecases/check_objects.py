"""What all parts of the audit do with objects: find out which are broken, have them replaced, delete strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.observability.metrics import AUDIT_FOUND, AUDIT_MISSING_FOUND, AUDIT_ORPHANS_FOUND, AUDIT_REPAIRED
from shared.postgres.upkeep_audit import Broken
from shared.vectors.errors import CollectionMissingError, TenantMissingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from janitor.ports import AuditRows, Vectors
    from shared.postgres.upkeep_audit import Place
    from shared.vectors.port import Entry

_log = structlog.get_logger(__name__)


class CheckObjects:
    """Asks Weaviate about objects; a collection or a tenant that is not there has none."""

    def __init__(self, *, rows: AuditRows, vectors: Vectors) -> None:
        self._rows = rows
        self._vectors = vectors

    async def stored(self, place: Place, *, at_most: int) -> list[Entry]:
        """The next objects that Weaviate has there, by id."""
        try:
            return await self._vectors.scan(place.collection, place.tenant, after=place.after, limit=at_most)
        except (CollectionMissingError, TenantMissingError):
            return []

    async def verify(self, place: Place, object_ids: Collection[UUID]) -> Broken:
        """Have those replaced that no search by vector finds."""
        lost = await self.not_findable(place, object_ids)
        if not lost:
            return Broken()
        there = await self.existing(place, lost)
        return await self.note(dict.fromkeys(lost - there, "missing") | dict.fromkeys(there, "hollow"))

    async def existing(self, place: Place, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these are stored."""
        if not object_ids:
            return set()
        try:
            return await self._vectors.existing(place.collection, place.tenant, object_ids)
        except (CollectionMissingError, TenantMissingError):
            return set()

    async def not_findable(self, place: Place, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these no search by vector finds; asked twice, because replacing costs more than asking."""
        lost = set(object_ids)
        for _ in range(2):
            if not lost:
                break
            try:
                lost -= await self._vectors.vector_findable(place.collection, place.tenant, lost)
            except (CollectionMissingError, TenantMissingError):
                break
        return lost

    async def note(self, kinds: Mapping[UUID, str]) -> Broken:
        """Have these replaced by a consumer, if they are still served."""
        if not kinds:
            return Broken()
        found = await self._rows.note_broken(kinds)
        if found.noted:
            AUDIT_MISSING_FOUND.inc(amount=found.noted)
            for kind, count in found.kinds.items():
                AUDIT_FOUND.inc(kind, amount=count)
            _log.warning("objects_broken", objects=found.noted)
        return found

    async def delete_strangers(self, place: Place, object_ids: Collection[UUID]) -> int:
        """Delete those that do not belong there, and count those that were; Weaviate was asked before Postgres."""
        strangers = await self._rows.strangers(place, object_ids) if object_ids else []
        # A tombstone may have been emptied and forgotten meanwhile: only what is still there was an orphan.
        orphans = await self.existing(place, strangers)
        if not orphans:
            return 0
        await self._vectors.delete_by_ids(place.collection, place.tenant, orphans)
        count_orphans(len(orphans))
        _log.warning(
            "orphans_deleted", tenant=place.tenant, collection=place.collection, objects=len(orphans)
        )
        return len(orphans)


def count_orphans(count: int) -> None:
    """So many were found and deleted."""
    AUDIT_ORPHANS_FOUND.inc(amount=count)
    AUDIT_FOUND.inc("orphan", amount=count)
    AUDIT_REPAIRED.inc("orphans", amount=count)
