"""What operators look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.models.system import Health, Ledger, Ready, Stats, System

if TYPE_CHECKING:
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

    async def health(self) -> Health:
        """Whether the gateway is alive."""
        return await self._transport.get(Health, "/healthz")

    async def ready(self) -> Ready:
        """Whether work can be done; down is an answer here, not an error."""
        return await self._transport.get_whatever_status(Ready, "/readyz", _READY)
