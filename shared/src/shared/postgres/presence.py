"""One row for each living process: what it holds is its own as long as it renews that row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.database import Connection, Database


class PostgresPresence:
    """Signs of life of one process."""

    def __init__(
        self, *, database: Database, process_id: UUID, kind: str, instance: str, lease_seconds: float
    ) -> None:
        self._database = database
        self._process_id = process_id
        self._kind = kind
        self._instance = instance
        self._lease_seconds = lease_seconds

    async def beat(self, *, slots: int = 0, waits_for: Sequence[str] = ()) -> None:
        """Renew the lease, and say how many units of work fit into this process and which dependencies it misses."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("workers")["beat"],
                self._process_id,
                self._kind,
                self._instance,
                slots,
                self._lease_seconds,
                list(waits_for),
            )

        await self._database.run(work)

    async def leave(self) -> None:
        """Say goodbye: nothing is held any more."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("workers")["leave"], self._process_id)

        await self._database.run(work)
