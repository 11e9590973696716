from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from shared.vectors.errors import CollectionMissingError, TenantMissingError, VectorsReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from janitor.ports import Objects, Vectors
    from shared.postgres.upkeep_objects import Tombstone

_LEAST: Final = UUID(int=0)


class _Batches(Protocol):
    """A kind of tombstones: how the next ones are found, and what follows their deletion."""

    async def next(self, after: UUID) -> list[Tombstone]: ...

    async def done(self, object_ids: Sequence[UUID]) -> None: ...


class _Deletion:
    """Walks over tombstones by id, deletes them in Weaviate, then notes it.

    A place that takes no writes now does not keep others from being emptied: the walk goes on behind it, and begins
    anew in the next turn.
    """

    def __init__(self, *, vectors: Vectors, batches: _Batches, pages: int) -> None:
        self._vectors = vectors
        self._batches = batches
        self._pages = pages
        self._after = _LEAST

    async def run(self) -> int:
        deleted = 0
        refused: VectorsReadOnlyError | None = None
        for _ in range(self._pages):
            found = await self._batches.next(self._after)
            self._after = found[-1].object_id if found else _LEAST
            if not found:
                break
            for (collection, tenant), ids in _by_place(found).items():
                try:
                    await self._delete(collection, tenant, ids)
                except VectorsReadOnlyError as error:
                    refused = error
                else:
                    await self._batches.done(ids)
                    deleted += len(ids)
        if refused is not None:
            raise refused
        return deleted

    async def _delete(self, collection: str, tenant: str, ids: list[UUID]) -> None:
        try:
            await self._vectors.delete_by_ids(collection, tenant, ids)
        except (CollectionMissingError, TenantMissingError):
            return  # nothing is left where they were


def _by_place(found: Sequence[Tombstone]) -> dict[tuple[str, str], list[UUID]]:
    places: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for tombstone in found:
        places[tombstone.collection, tombstone.tenant].append(tombstone.object_id)
    return places


class DeleteObjects:
    """Deletes in Weaviate what is marked for deletion; the tombstones stay until it is deleted once more."""

    def __init__(
        self, *, objects: Objects, vectors: Vectors, purge_after_seconds: float, at_once: int, pages: int
    ) -> None:
        """``purge_after_seconds`` is longer than any insert that was begun before can take to arrive."""
        self._deletion = _Deletion(
            vectors=vectors,
            batches=_ToDelete(objects=objects, purge_after_seconds=purge_after_seconds, at_once=at_once),
            pages=pages,
        )

    async def run_once(self) -> dict[str, int]:
        """Delete the next ones."""
        return {"deleted": await self._deletion.run()}


class PurgeTombstones:
    """Deletes once more what may have arrived after its deletion, and forgets the tombstones."""

    def __init__(self, *, objects: Objects, vectors: Vectors, at_once: int, pages: int) -> None:
        self._deletion = _Deletion(
            vectors=vectors, batches=_ToPurge(objects=objects, at_once=at_once), pages=pages
        )

    async def run_once(self) -> dict[str, int]:
        """Purge the next ones."""
        return {"purged": await self._deletion.run()}


class _ToDelete:
    def __init__(self, *, objects: Objects, purge_after_seconds: float, at_once: int) -> None:
        self._objects = objects
        self._purge_after_seconds = purge_after_seconds
        self._at_once = at_once

    async def next(self, after: UUID) -> list[Tombstone]:
        return await self._objects.to_delete(after=after, at_most=self._at_once)

    async def done(self, object_ids: Sequence[UUID]) -> None:
        await self._objects.mark_deleted(object_ids, purge_after_seconds=self._purge_after_seconds)


class _ToPurge:
    def __init__(self, *, objects: Objects, at_once: int) -> None:
        self._objects = objects
        self._at_once = at_once

    async def next(self, after: UUID) -> list[Tombstone]:
        return await self._objects.to_purge(after=after, at_most=self._at_once)

    async def done(self, object_ids: Sequence[UUID]) -> None:
        await self._objects.purge(object_ids)
