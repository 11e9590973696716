from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from janitor.ports import Removal
from shared.errors import DependencyRejectedError, DependencyUnavailableError
from shared.vectors.errors import CollectionMissingError, TenantMissingError

if TYPE_CHECKING:
    from janitor.ports import Blobs, SourceRows, Turns, Vectors
    from shared.postgres.upkeep_removal import DeletingSource

_log = structlog.get_logger(__name__)

_LEAST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalOptions:
    """How a source is removed.

    Attributes:
        turn_seconds: after which another janitor may take over, whatever this one does.
        purge_after_seconds: longer than any insert that was begun before can take to arrive.
        at_once: rows or objects of one transaction or request.
    """

    turn_seconds: float
    purge_after_seconds: float
    at_once: int = 2000


class RemoveSource:
    """Removes a source: out of Weaviate until a read-back counts zero, then its originals, content and work.

    Every step is bounded, repeatable and found again by what is left, so that it goes on wherever it was interrupted.
    """

    def __init__(
        self, *, rows: SourceRows, vectors: Vectors, blobs: Blobs, turns: Turns, options: RemovalOptions
    ) -> None:
        self._rows = rows
        self._vectors = vectors
        self._blobs = blobs
        self._turns = turns
        self._options = options

    async def remove(self, source_id: UUID) -> Removal:
        """Remove it as far as is possible now.

        Raises:
            DependencyUnavailableError: it stays deleting and is tried again.
        """
        source = await self._rows.find(source_id)
        if source is None:
            return Removal.GONE
        turn = f"delete_source:{source_id}"
        if not await self._turns.take(turn, seconds=self._options.turn_seconds):
            return Removal.BUSY
        try:
            return await self._remove(source)
        finally:
            await self._leave(turn)

    async def _remove(self, source: DeletingSource) -> Removal:
        work = await self._rows.end_work(source)
        while work.cancelled:
            work = await self._rows.end_work(source)
        if work.batches:
            return Removal.WAITING
        await self._empty_weaviate(source)
        await self._delete_originals(source)
        while await self._rows.remove_content(source, at_most=self._options.at_once):
            pass
        receipt = await self._rows.finish(source)
        if receipt is None:
            return Removal.WAITING if await self._rows.find(source.source_id) else Removal.DELETED
        _log.info("source_deleted", source_id=str(source.source_id), receipt=receipt)
        return Removal.DELETED

    async def _empty_weaviate(self, source: DeletingSource) -> None:
        """Tombstones first: what a roll back could serve again is committed as deleting before Weaviate is touched."""
        at_once = self._options.at_once
        while await self._rows.discard_objects(source, at_most=at_once):
            pass
        for collection in await self._rows.collections():
            try:
                await self._vectors.delete_by_source(collection, source.tenant, source.source_id)
            except (CollectionMissingError, TenantMissingError):
                continue  # nothing is left there
        await self._delete_unverified(source)
        purge = self._options.purge_after_seconds
        while await self._rows.mark_objects_deleted(source, purge_after_seconds=purge, at_most=at_once):
            pass

    async def _delete_unverified(self, source: DeletingSource) -> None:
        """Objects of batches that were cut short may be found by no filter, only by their ids."""
        after = _LEAST
        while found := await self._rows.unverified(source, after=after, at_most=self._options.at_once):
            after = found[-1].object_id
            places: dict[str, list[UUID]] = defaultdict(list)
            for tombstone in found:
                places[tombstone.collection].append(tombstone.object_id)
            for collection, ids in places.items():
                try:
                    await self._vectors.delete_by_ids(collection, source.tenant, ids)
                except (CollectionMissingError, TenantMissingError):
                    continue

    async def _delete_originals(self, source: DeletingSource) -> None:
        """Before their jobs, which lead to them."""
        after = 0
        while found := await self._rows.uploads(source, after=after, at_most=self._options.at_once):
            after = found[-1][0]
            for uri in sorted({uri for _, uri in found if uri}):
                try:
                    await self._blobs.delete(uri)
                except DependencyRejectedError as error:
                    _log.warning("blob_not_deleted", uri=uri, detail=str(error))

    async def _leave(self, turn: str) -> None:
        try:
            await self._turns.leave(turn)
        except DependencyUnavailableError as error:
            _log.debug("turn_not_left", turn=turn, dependency=error.dependency)  # it ends by itself
