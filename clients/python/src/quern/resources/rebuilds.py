"""Rebuilding the index from what is stored: nothing is crawled or parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quern.models.system import Rebuild

if TYPE_CHECKING:
    from uuid import UUID

    from quern.transport import Transport


class Rebuilds:
    """``/v1/reindex``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def start(self, *, source_id: UUID | None = None) -> Rebuild:
        """Index a source, or everything, anew; one that is under way for it already is what comes back."""
        body: dict[str, Any] = {} if source_id is None else {"source_id": str(source_id)}
        return await self._transport.send(Rebuild, "POST", "/v1/reindex", body=body)

    async def get(self, rebuild_id: UUID) -> Rebuild:
        """How far one is."""
        return await self._transport.get(Rebuild, f"/v1/reindex/{rebuild_id}")
