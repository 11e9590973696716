from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.vectors.checks import check_names
from shared.vectors.connection import Connected
from shared.vectors.errors import CollectionMissingError, VectorsRejectedError, VectorsUnavailableError
from shared.vectors.health import judge_nodes
from shared.vectors.port import ALIAS, Readiness, ReadinessStatus
from shared.vectors.schema import collection_schema, differences, dimensions_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.vectors.connection import Deadlines
    from shared.vectors.doors import Doors

_FOUND_OR_NOT = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


class WeaviateAdministration(Connected):
    """Collections, tenants and health, by REST; see the port for what each method does."""

    def __init__(self, *, doors: Doors, deadlines: Deadlines) -> None:
        super().__init__(doors=doors, deadlines=deadlines)
        self._dimensions: dict[str, int] = {}

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        """Make the collection; another process that is quicker is fine."""
        check_names(name)
        if (found := await self._schema(name)) is None:
            try:
                await self._rest("POST", "/v1/schema", body=collection_schema(name, dimensions=dimensions))
            except VectorsRejectedError:
                if await self._schema(name) is None:
                    raise
            found = await self._schema(name)
        if found is None:
            raise CollectionMissingError(f"The collection {name} vanished while it was made.")
        if problems := differences(found, dimensions=dimensions):
            raise VectorsRejectedError(f"The collection {name} is not as it must be: {'; '.join(problems)}.")
        self._dimensions[name] = dimensions

    async def ensure_alias(self, collection: str) -> None:
        """Make the alias or turn it."""
        if await self._schema(collection) is None:
            raise CollectionMissingError(f"There is no collection {collection}.")
        path = f"/v1/aliases/{ALIAS}"
        status, found = await self._rest("GET", path, ok=_FOUND_OR_NOT)
        if status == HTTPStatus.OK and found["class"] == collection:
            return
        if status == HTTPStatus.OK:
            await self._rest("PUT", path, body={"class": collection})
            return
        try:
            await self._rest("POST", "/v1/aliases", body={"alias": ALIAS, "class": collection})
        except VectorsRejectedError:  # made by another process meanwhile
            await self._rest("PUT", path, body={"class": collection})

    async def drop_collection(self, name: str) -> None:
        """Remove a collection."""
        check_names(name)
        self._dimensions.pop(name, None)
        await self._rest("DELETE", f"/v1/schema/{name}", ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))

    async def collections(self) -> list[str]:
        """The names of all collections."""
        _, schema = await self._rest("GET", "/v1/schema")
        return sorted(each["class"] for each in schema["classes"] or ())

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        """Make the tenant; Weaviate takes one that is there as made."""
        check_names(collection, tenant)
        await self._rest("POST", f"/v1/schema/{collection}/tenants", body=[{"name": tenant}])

    async def delete_tenant(self, collection: str, tenant: str) -> None:
        """Remove the tenant; Weaviate takes one that is gone as removed."""
        check_names(collection, tenant)
        try:
            await self._rest("DELETE", f"/v1/schema/{collection}/tenants", body=[tenant])
        except CollectionMissingError:
            return

    async def tenants(self, collection: str) -> list[str]:
        """The names of a collection's tenants."""
        check_names(collection)
        _, found = await self._rest("GET", f"/v1/schema/{collection}/tenants")
        return sorted(each["name"] for each in found)

    async def readiness(self) -> Readiness:
        """Ask REST, gRPC and the shards at once; a key that is refused counts as down."""
        seconds = self._deadlines.readiness_seconds
        try:
            (_, nodes), _ = await asyncio.gather(
                self._doors.rest("GET", "/v1/nodes?output=verbose", deadline_seconds=seconds),
                self._doors.check_grpc(deadline_seconds=seconds),
            )
        except (VectorsUnavailableError, VectorsRejectedError) as error:
            return Readiness(ReadinessStatus.DOWN, str(error))
        return judge_nodes(nodes)

    async def _dimensions_of(self, collection: str) -> int | None:
        """The dimensions that a collection was made for; asked once."""
        if collection not in self._dimensions:
            found = await self._schema(collection)
            if found is None:
                raise CollectionMissingError(f"There is no collection {collection}.")
            if (dimensions := dimensions_of(found)) is None:
                return None
            self._dimensions[collection] = dimensions
        return self._dimensions[collection]

    async def _schema(self, name: str) -> dict[str, Any] | None:
        check_names(name)
        status, found = await self._rest("GET", f"/v1/schema/{name}", ok=_FOUND_OR_NOT)
        # A name of an alias is answered with the collection that it leads to.
        return found if status == HTTPStatus.OK and found["class"] == name else None

    async def _rest(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        ok: Collection[int] = (HTTPStatus.OK, HTTPStatus.NO_CONTENT),
    ) -> tuple[int, Any]:
        seconds = self._deadlines.query_seconds if method == "GET" else self._deadlines.write_seconds
        return await self._doors.rest(method, path, deadline_seconds=seconds, body=body, ok=ok)
