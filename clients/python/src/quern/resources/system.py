"""What operators look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.models.common import Page
from quern.models.system import DeadMessage, DeadMessageDetail, Health, Ledger, Ready, Stats, System

if TYPE_CHECKING:
    from uuid import UUID

    from quern.transport import Transport

_READY = frozenset({200, 503})


class SystemRoutes:
    """``/v1/stats``, ``/v1/system``, ``/healthz`` and ``/readyz``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def stats(self) -> Stats:
        """Live sources, documents that are served, failed units of work."""
        return await self._transport.get(Stats, "/v1/stats")

    async def get(self) -> System:
        """Components, queues, versions."""
        return await self._transport.get(System, "/v1/system")

    async def ledger(self) -> Ledger:
        """All work ever accepted, by what became of it."""
        return await self._transport.get(Ledger, "/v1/system/ledger")

    async def dead_messages(
        self, *, topic: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[DeadMessage]:
        """Messages that no service could understand, newest first."""
        params = {"topic": topic, "limit": limit, "offset": offset}
        return await self._transport.get(Page[DeadMessage], "/v1/system/dead-messages", params)

    async def dead_message(self, message_id: UUID) -> DeadMessageDetail:
        """One of them with its body."""
        return await self._transport.get(DeadMessageDetail, f"/v1/system/dead-messages/{message_id}")

    async def health(self) -> Health:
        """Whether the gateway is alive."""
        return await self._transport.get(Health, "/healthz")

    async def ready(self) -> Ready:
        """Whether work can be done; down is an answer here, not an error."""
        return await self._transport.get_whatever_status(Ready, "/readyz", _READY)
