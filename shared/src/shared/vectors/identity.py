from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from shared.vectors.administration import WeaviateAdministration
from shared.vectors.errors import CollectionMissingError, VectorsRejectedError, VectorsUnavailableError
from shared.vectors.port import MARKS, Mark
from shared.vectors.schema import marks_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MARK_ID: Final = UUID("00000000-0000-5000-8000-000000000001")
_PATH: Final = f"/v1/objects/{MARKS}/{_MARK_ID}"


class WeaviateIdentity(WeaviateAdministration):
    """Which Weaviate this is, and which state of Postgres it has seen; see the port for what each method does."""

    async def starts(self) -> str:
        """The Raft term of each node: even a single node holds an election at each start."""
        _, found = await self._rest("GET", "/v1/cluster/statistics")
        if not (nodes := found.get("statistics")) or not all(
            node.get("ready") and node.get("dbLoaded") for node in nodes
        ):
            raise VectorsUnavailableError("Weaviate has not loaded its data yet.")
        return starts_of(nodes)

    async def read_mark(self) -> Mark | None:
        """Read the object that keeps it."""
        try:
            status, found = await self._rest("GET", _PATH, ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        except CollectionMissingError:
            return None
        if status == HTTPStatus.NOT_FOUND:
            return None
        values = found["properties"]
        return Mark(history=UUID(values["history"]), turn=int(values["turn"]))

    async def write_mark(self, mark: Mark) -> None:
        """Write over it; where it is not there, make it, and its collection."""
        body = {
            "class": MARKS,
            "id": str(_MARK_ID),
            "properties": {"history": str(mark.history), "turn": mark.turn},
        }
        try:
            status, _ = await self._rest("PUT", _PATH, body=body, ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        except CollectionMissingError:
            status = HTTPStatus.NOT_FOUND
        if status == HTTPStatus.OK:
            return
        if await self._schema(MARKS) is None:
            await self._make_collection()
        try:
            await self._rest("POST", "/v1/objects", body=body)
        except VectorsRejectedError:  # made by another process meanwhile
            await self._rest("PUT", _PATH, body=body)

    async def _make_collection(self) -> None:
        try:
            await self._rest("POST", "/v1/schema", body=marks_schema())
        except VectorsRejectedError:
            if await self._schema(MARKS) is None:
                raise


def starts_of(nodes: Iterable[Mapping[str, Any]]) -> str:
    """``node:term`` of each node, in the order of their names."""
    return " ".join(sorted(f"{node['name']}:{node['raft']['term']}" for node in nodes))
