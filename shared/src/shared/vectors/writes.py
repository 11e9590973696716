from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from shared.clock import new_id
from shared.vectors import messages
from shared.vectors.checks import check_batch, check_names, check_objects
from shared.vectors.errors import BatchNotVerifiedError, VectorsUnavailableError
from shared.vectors.identity import WeaviateIdentity
from shared.vectors.port import MAX_RESULTS, VectorObject
from shared.vectors.slices import slices
from shared.vectors.stubs import batch_pb2
from shared.vectors.translate import from_sentence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from uuid import UUID

    from google.protobuf.message import Message

    from shared.vectors.stubs import base_pb2

_log = structlog.get_logger(__name__)

_OBJECTS_PER_INSERT = 500
_MESSAGES_AT_ONCE = 100  # about 1 ms of building, then the event loop has a turn
IDS_PER_REQUEST = 1_000
_KEYS_AT_ONCE = 8


class WeaviateWrites(WeaviateIdentity):
    """Inserts, verification and deletes; see the port for what each method does."""

    async def insert(self, collection: str, tenant: str, objects: Sequence[VectorObject]) -> None:
        """Send the objects in calls of 500; the first error of any object ends it."""
        check_names(collection, tenant)
        if not objects:
            return
        check_objects(objects, dimensions=await self._dimensions_of(collection))
        for part in slices(objects, _OBJECTS_PER_INSERT):
            request = await _insert_request(collection, tenant, part)
            reply = await self._write(self._doors.stub.BatchObjects, request)
            if reply.errors:
                raise from_sentence(reply.errors[0].error)

    async def barrier(self, collection: str, tenant: str, *, object_id: UUID, dimensions: int) -> None:
        """Write an object that points away from where texts are."""
        vector = np.full(dimensions, -1.0, dtype=np.float32)
        await self.insert(collection, tenant, [VectorObject.barrier(object_id, vector)])

    async def verify_batch(
        self, collection: str, tenant: str, *, batch_id: UUID, object_ids: Collection[UUID]
    ) -> None:
        """Search by vector with the filter: a count would include holes."""
        check_names(collection, tenant)
        wanted = frozenset(object_ids)
        found = frozenset(await self._near(collection, tenant, messages.of_property("batch_id", batch_id)))
        if found != wanted:
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
        """Delete, at most 10,000 in one call, until nothing matches and nothing is read back."""
        check_names(collection, tenant)
        filters = messages.of_property("source_id", source_id)
        deleted = 0
        async with self._anchored(collection, tenant):
            while True:
                reply = await self._delete(collection, tenant, filters)
                deleted += int(reply.successful)
                if reply.matches == 0 and await self._is_empty(collection, tenant, filters):
                    return deleted
                if reply.successful == 0:
                    raise VectorsUnavailableError(
                        f"Weaviate deletes nothing of source {source_id}, though it has objects."
                    )

    async def delete_by_ids(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> int:
        """Delete by a filter on the id, then what that did not find by its key, one by one.

        Objects that no filter finds are what a crash in the middle of an insert leaves.
        """
        check_names(collection, tenant)
        if not object_ids:
            return 0
        by_filter = 0
        async with self._anchored(collection, tenant):
            for part in slices(sorted(object_ids), IDS_PER_REQUEST):
                known = await self._listed(collection, tenant, part)
                if known:
                    reply = await self._delete(collection, tenant, messages.of_ids(known))
                    by_filter += int(reply.successful)
                await self._each_key("DELETE", collection, tenant, [one for one in part if one not in known])
        return by_filter

    @asynccontextmanager
    async def _anchored(self, collection: str, tenant: str) -> AsyncIterator[None]:
        """Have an object of our own in the shard while others are deleted.

        Weaviate 1.39 keeps the lengths of texts in a file that it writes when an insert ends. A shard that was killed
        before its first insert had ended has objects, but no lengths, and each delete fails there ("subtract prop
        lengths: property not found") after it has taken the object and before it takes the object's entries in the
        index of the filters; a count by filter then includes them for ever. Any insert that ends mends that.
        """
        dimensions = await self._dimensions_of(collection)
        if dimensions is None:  # not a collection of ours
            yield
            return
        anchor = new_id()
        await self.barrier(collection, tenant, object_id=anchor, dimensions=dimensions)
        yield
        await self._each_key(
            "DELETE", collection, tenant, [anchor]
        )  # the audit removes one that stayed behind

    async def _is_empty(self, collection: str, tenant: str, filters: base_pb2.Filters) -> bool:
        """Whether a filter has no objects.

        A Weaviate that was killed in the middle of a delete may count objects that it does not have; it lists none.
        """
        counted = await self._count(collection, tenant, filters)
        if counted == 0:
            return True
        request = messages.list_request(collection, tenant, limit=MAX_RESULTS, filters=filters)
        found = messages.object_ids(await self._read(self._doors.stub.Search, request))
        if not found:
            _log.warning(
                "objects_counted_that_are_gone", tenant=tenant, collection=collection, objects=counted
            )
        return not found

    async def _listed(self, collection: str, tenant: str, object_ids: Sequence[UUID]) -> set[UUID]:
        """Which of at most 1,000 objects a filter on the id finds."""
        filters = messages.of_ids(object_ids)
        request = messages.list_request(collection, tenant, limit=IDS_PER_REQUEST, filters=filters)
        return messages.object_ids(await self._read(self._doors.stub.Search, request))

    async def _each_key(
        self, method: str, collection: str, tenant: str, object_ids: Sequence[UUID]
    ) -> list[bool]:
        """Ask for or delete objects by their keys: whether each was there, as far as the method tells."""
        turns = asyncio.Semaphore(_KEYS_AT_ONCE)

        async def one(object_id: UUID) -> bool:
            path = f"/v1/objects/{collection}/{object_id}?tenant={tenant}"
            async with turns:
                status, _ = await self._rest(method, path, ok=(HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND))
            return status == HTTPStatus.NO_CONTENT

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(object_id)) for object_id in object_ids]
        except ExceptionGroup as failures:  # callers tell errors apart by their kind; all of these are alike
            raise failures.exceptions[0] from failures
        return [task.result() for task in tasks]

    async def _near(self, collection: str, tenant: str, filters: base_pb2.Filters) -> set[UUID]:
        """Which objects of a filter the vector index knows; any vector will do to ask."""
        vector = np.ones(await self._dimensions_of(collection) or 1, dtype=np.float32)
        request = messages.near_request(collection, tenant, vector, filters, limit=MAX_RESULTS)
        return messages.object_ids(await self._read(self._doors.stub.Search, request))

    async def _count(self, collection: str, tenant: str, filters: base_pb2.Filters | None) -> int:
        request = messages.count_request(collection, tenant, filters)
        reply = await self._read(self._doors.stub.Aggregate, request)
        return int(reply.single_result.objects_count)

    async def _delete(self, collection: str, tenant: str, filters: base_pb2.Filters) -> Any:
        """One call; it tells only how many failed, and a request for the reasons breaks on a read-only shard."""
        request = messages.delete_request(collection, tenant, filters)
        reply = await self._write(self._doors.stub.BatchDelete, request)
        if reply.failed:
            raise VectorsUnavailableError(
                f"Weaviate could not delete (is a shard read-only?), {reply.matches} matched."
            )
        return reply

    async def _write(self, method: Any, request: Message) -> Any:
        return await self._doors.call(method, request, deadline_seconds=self._deadlines.write_seconds)

    async def _read(self, method: Any, request: Message, *, seconds: float | None = None) -> Any:
        own = self._deadlines.query_seconds
        deadline = own if seconds is None else min(own, seconds)
        return await self._doors.call(method, request, deadline_seconds=deadline)


async def _insert_request(
    collection: str, tenant: str, objects: Sequence[VectorObject]
) -> batch_pb2.BatchObjectsRequest:
    request = batch_pb2.BatchObjectsRequest()
    for part in slices(objects, _MESSAGES_AT_ONCE):
        for one in part:
            messages.add_object(request, collection, tenant, one)
        await asyncio.sleep(0)
    return request
