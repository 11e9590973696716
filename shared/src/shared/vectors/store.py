from __future__ import annotations

from typing import TYPE_CHECKING, Self

from shared.vectors import messages
from shared.vectors.checks import check_names, check_query
from shared.vectors.connection import Deadlines
from shared.vectors.doors import Doors
from shared.vectors.port import ALIAS, Entry, Hit, SearchQuery
from shared.vectors.slices import slices
from shared.vectors.writes import IDS_PER_REQUEST, WeaviateWrites

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID


class WeaviateStore(WeaviateWrites):
    """The real :class:`~shared.vectors.port.VectorStore`: Weaviate 1.39 by gRPC and REST.

    It is made without touching the network, and outlives restarts of the server.
    """

    @classmethod
    async def open(
        cls, *, url: str, grpc_address: str, api_key: str = "", deadlines: Deadlines | None = None
    ) -> Self:
        """Make the store on the running event loop.

        Args:
            url: Weaviate's HTTP address.
            grpc_address: its gRPC address, host:port.
            api_key: empty where it asks for none.
            deadlines: of single requests.
        """
        doors = await Doors.open(url=url, grpc_address=grpc_address, api_key=api_key)
        return cls(doors=doors, deadlines=deadlines or Deadlines())

    async def search(
        self, tenant: str, query: SearchQuery, *, deadline_seconds: float | None = None
    ) -> list[Hit]:
        """Ask through the alias; what can match nothing is answered without asking."""
        check_names(ALIAS, tenant)
        if not check_query(query):
            return []
        request = messages.search_request(ALIAS, tenant, query, messages.of_filters(query.filters))
        reply = await self._read(self._doors.stub.Search, request, seconds=deadline_seconds)
        return messages.hits(reply, query.mode)

    async def count(
        self, collection: str, tenant: str, *, source_id: UUID | None = None, batch_id: UUID | None = None
    ) -> int:
        """Count by the inverted index."""
        check_names(collection, tenant)
        wanted = {"source_id": source_id, "batch_id": batch_id}
        parts = [messages.of_property(name, value) for name, value in wanted.items() if value is not None]
        return await self._count(collection, tenant, messages.all_of(parts))

    async def scan(self, collection: str, tenant: str, *, after: UUID | None, limit: int) -> list[Entry]:
        """Read the object store by its cursor, past all indexes."""
        check_names(collection, tenant)
        request = messages.scan_request(collection, tenant, after=after, limit=limit)
        return messages.entries(await self._read(self._doors.stub.Search, request))

    async def existing(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Ask by a filter on the id, then for what that did not find by its key."""
        check_names(collection, tenant)
        found: set[UUID] = set()
        for part in slices(sorted(object_ids), IDS_PER_REQUEST):
            found |= await self._listed(collection, tenant, part)
            rest = [one for one in part if one not in found]
            there = await self._each_key("HEAD", collection, tenant, rest)
            found |= {one for one, is_there in zip(rest, there, strict=True) if is_there}
        return found

    async def vector_findable(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Search by vector with a filter on the id."""
        check_names(collection, tenant)
        found: set[UUID] = set()
        for part in slices(sorted(object_ids), IDS_PER_REQUEST):
            found |= await self._near(collection, tenant, messages.of_ids(part))
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._doors.close()
