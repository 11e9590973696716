from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from shared.testing.vectors_scoring import scores
from shared.vectors import (
    ALIAS,
    BatchNotVerifiedError,
    CollectionMissingError,
    Entry,
    Filters,
    Hit,
    Mark,
    Readiness,
    ReadinessStatus,
    SearchQuery,
    TenantMissingError,
    VectorObject,
    VectorsReadOnlyError,
    VectorsRejectedError,
    VectorsUnavailableError,
)
from shared.vectors.checks import check_batch, check_names, check_objects, check_query
from shared.vectors.port import MARKS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID


@dataclass
class _Tenant:
    objects: dict[UUID, VectorObject] = field(default_factory=dict)
    vectors: set[UUID] = field(default_factory=set)
    filterable: set[UUID] = field(default_factory=set)


@dataclass
class _Collection:
    dimensions: int
    tenants: dict[str, _Tenant] = field(default_factory=dict)


class MemoryVectorStore:
    """Passes the vector store's behaviour suite, and can go wrong in the ways that Weaviate can.

    Attributes:
        down: every call fails as unavailable.
        read_only: writes and deletes are refused, searches go on.
        refused_text: an insert of an object with this text is rejected (a poison document).
        holes_in_next_insert: so many objects at the end of the next insert are acknowledged, stored and counted,
            but not found by vector, whether they are sent again or not.
        cut_next_insert: the next insert stores everything as holes and fails, as a cancelled one does.
    """

    def __init__(self) -> None:
        self.down = False
        self.read_only = False
        self.refused_text: str | None = None
        self.holes_in_next_insert = 0
        self.cut_next_insert = False
        self._collections: dict[str, _Collection] = {}
        self._alias: str | None = None
        self._mark: Mark | None = None
        self._starts = 1

    # What tests do to it

    def restart(self) -> None:
        """Start anew, with all data."""
        self._starts += 1

    def wipe(self) -> None:
        """Lose everything, the collections too."""
        self._collections.clear()
        self._alias = None
        self._mark = None
        self._starts = 1

    def lose(self, collection: str, tenant: str, object_id: UUID) -> None:
        """Lose one object."""
        place = self._tenant(collection, tenant)
        place.objects.pop(object_id, None)
        place.vectors.discard(object_id)
        place.filterable.discard(object_id)

    def hide_from_filters(self, collection: str, tenant: str, object_id: UUID) -> None:
        """Let no filter find an object, as after a crash in the middle of an insert."""
        self._tenant(collection, tenant).filterable.discard(object_id)

    # Collections

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        """Make the collection, unless it is there."""
        self._up()
        check_names(name)
        made = self._collections.setdefault(name, _Collection(dimensions))
        if made.dimensions != dimensions:
            raise VectorsRejectedError(f"The collection {name} has {made.dimensions} dimensions.")

    async def ensure_alias(self, collection: str) -> None:
        """Let the alias lead to this collection."""
        self._up()
        self._collection(collection)
        self._alias = collection

    async def drop_collection(self, name: str) -> None:
        """Remove a collection."""
        self._up()
        self._collections.pop(name, None)
        if name == MARKS:
            self._mark = None

    async def collections(self) -> list[str]:
        """The names of all collections."""
        self._up()
        return sorted(self._collections)

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        """Make the tenant, unless it is there."""
        self._up()
        check_names(collection, tenant)
        self._collection(collection).tenants.setdefault(tenant, _Tenant())

    async def delete_tenant(self, collection: str, tenant: str) -> None:
        """Remove a tenant."""
        self._up()
        check_names(collection, tenant)
        if collection in self._collections:
            self._collections[collection].tenants.pop(tenant, None)

    async def tenants(self, collection: str) -> list[str]:
        """The names of a collection's tenants."""
        self._up()
        return sorted(self._collection(collection).tenants)

    async def readiness(self) -> Readiness:
        """How it is now."""
        if self.down:
            return Readiness(ReadinessStatus.DOWN, "down")
        if self.read_only:
            return Readiness(ReadinessStatus.DEGRADED, "read-only")
        return Readiness(ReadinessStatus.UP)

    async def starts(self) -> str:
        """How often it was started."""
        self._up()
        return f"memory:{self._starts}"

    async def read_mark(self) -> Mark | None:
        """What was marked last."""
        self._up()
        return self._mark

    async def write_mark(self, mark: Mark) -> None:
        """Keep this mark instead."""
        self._up()
        self._mark = mark

    # Writes

    async def insert(self, collection: str, tenant: str, objects: Sequence[VectorObject]) -> None:
        """Store the objects, or go wrong as a test asked for."""
        self._up()
        check_names(collection, tenant)
        if not objects:
            return
        check_objects(objects, dimensions=self._collection(collection).dimensions)
        place = self._tenant(collection, tenant, write=True)
        if any(one.text == self.refused_text for one in objects):
            raise VectorsRejectedError("Weaviate: refused")
        holes, self.holes_in_next_insert = self.holes_in_next_insert, 0
        cut, self.cut_next_insert = self.cut_next_insert, False
        whole = len(objects) - (len(objects) if cut else holes)
        for number, one in enumerate(objects):
            known = place.objects.get(one.object_id)
            if known is not None and np.array_equal(known.vector, one.vector):
                continue  # taken as unchanged: a hole stays one
            place.objects[one.object_id] = one
            place.filterable.add(one.object_id)
            if number < whole:
                place.vectors.add(one.object_id)
        if cut:
            raise VectorsUnavailableError("The insert was cut short.")

    async def barrier(self, collection: str, tenant: str, *, object_id: UUID, dimensions: int) -> None:
        """Write one object of its own."""
        vector = np.full(dimensions, -1.0, dtype=np.float32)
        await self.insert(collection, tenant, [VectorObject.barrier(object_id, vector)])

    async def verify_batch(
        self, collection: str, tenant: str, *, batch_id: UUID, object_ids: Collection[UUID]
    ) -> None:
        """Compare with what is found by vector."""
        self._up()
        place = self._tenant(collection, tenant)
        findable = place.vectors & place.filterable
        found = frozenset(key for key in findable if place.objects[key].batch_id == batch_id)
        if found != (wanted := frozenset(object_ids)):
            raise BatchNotVerifiedError(missing=wanted - found, unexpected=found - wanted)

    async def write_batch(
        self, collection: str, tenant: str, objects: Sequence[VectorObject], *, barrier_id: UUID
    ) -> None:
        """Insert, barrier, verify."""
        if not objects:
            return
        batch_id = check_batch(objects)
        await self.insert(collection, tenant, objects)
        await self.barrier(collection, tenant, object_id=barrier_id, dimensions=len(objects[0].vector))
        object_ids = [one.object_id for one in objects]
        await self.verify_batch(collection, tenant, batch_id=batch_id, object_ids=object_ids)

    async def delete_by_source(self, collection: str, tenant: str, source_id: UUID) -> int:
        """Delete what the filter finds."""
        self._up()
        place = self._tenant(collection, tenant, write=True)
        gone = [key for key in place.filterable if place.objects[key].source_id == source_id]
        for key in gone:
            self.lose(collection, tenant, key)
        return len(gone)

    async def delete_by_ids(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> int:
        """Delete by key."""
        self._up()
        place = self._tenant(collection, tenant, write=True)
        by_filter = len(place.filterable & set(object_ids))
        for key in object_ids:
            self.lose(collection, tenant, key)
        return by_filter

    # Reads

    async def search(
        self,
        tenant: str,
        query: SearchQuery,
        *,
        deadline_seconds: float | None = None,  # noqa: ARG002  (the port's; nothing takes time here)
    ) -> list[Hit]:
        """Score everything that the filters let through."""
        self._up()
        check_names(ALIAS, tenant)
        if not check_query(query):
            return []
        place = self._tenant(self._alias or ALIAS, tenant)
        let_through = {key: place.objects[key] for key in place.filterable}
        found = {key: one for key, one in let_through.items() if _passes(one, query.filters)}
        best = sorted(scores(query, found, place.vectors).items(), key=lambda pair: (-pair[1], pair[0]))
        page = best[query.offset : query.offset + query.limit]
        return [Hit(key, place.objects[key].chunk_id, min(1.0, score)) for key, score in page]

    async def count(
        self, collection: str, tenant: str, *, source_id: UUID | None = None, batch_id: UUID | None = None
    ) -> int:
        """Count what filters find."""
        self._up()
        place = self._tenant(collection, tenant)
        if source_id is None and batch_id is None:
            return len(place.objects)
        found = [place.objects[key] for key in place.filterable]
        return sum(
            (source_id is None or one.source_id == source_id)
            and (batch_id is None or one.batch_id == batch_id)
            for one in found
        )

    async def scan(self, collection: str, tenant: str, *, after: UUID | None, limit: int) -> list[Entry]:
        """The next objects by id."""
        self._up()
        objects = self._tenant(collection, tenant).objects
        keys = sorted(key for key in objects if after is None or key > after)[:limit]
        return [_entry(objects[key]) for key in keys]

    async def existing(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these are stored."""
        self._up()
        return set(object_ids) & self._tenant(collection, tenant).objects.keys()

    async def vector_findable(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these both indexes know."""
        self._up()
        place = self._tenant(collection, tenant)
        return set(object_ids) & place.vectors & place.filterable

    async def close(self) -> None:
        """Behave like a closed store from now on."""
        self.down = True

    def _up(self) -> None:
        if self.down:
            raise VectorsUnavailableError("Weaviate is down.")

    def _collection(self, name: str) -> _Collection:
        check_names(name)
        if name not in self._collections:
            raise CollectionMissingError(f"There is no collection {name}.")
        return self._collections[name]

    def _tenant(self, collection: str, tenant: str, *, write: bool = False) -> _Tenant:
        tenants = self._collection(collection).tenants
        if tenant not in tenants:
            raise TenantMissingError(f"Weaviate: tenant not found: {tenant!r}")
        if write and self.read_only:
            raise VectorsReadOnlyError("Weaviate: store is read-only")
        return tenants[tenant]


def _entry(one: VectorObject) -> Entry:
    return Entry(
        object_id=one.object_id,
        chunk_id=one.chunk_id,
        source_id=one.source_id,
        document_id=one.document_id,
        batch_id=one.batch_id,
        type=one.type,
    )


def _passes(one: VectorObject, filters: Filters) -> bool:
    return (
        (filters.source_ids is None or one.source_id in filters.source_ids)
        and (filters.document_ids is None or one.document_id in filters.document_ids)
        and (filters.types is None or one.type in filters.types)
        and (filters.languages is None or one.language in filters.languages)
        and one.source_id not in filters.exclude_source_ids
    )
