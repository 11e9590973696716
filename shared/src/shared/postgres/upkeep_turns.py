"""The row leases by which janitors share their work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from shared.postgres.database import Connection, Database


class PostgresTurns:
    """Turns of one janitor. A row lease and no session lock: it outlives a connection, and two at once do no harm."""

    def __init__(self, *, database: Database, owner_id: UUID) -> None:
        self._database = database
        self._owner_id = owner_id

    async def take(self, name: str, *, seconds: float, not_within_seconds: float = 0.0) -> bool:
        """Take a turn for at most ``seconds``.

        Args:
            name: of the task, or of the piece of work.
            seconds: after which others may take it, whatever this janitor does.
            not_within_seconds: of the last turn that came to its end.
        """

        async def work(connection: Connection) -> bool:
            taken = await connection.fetchval(
                queries("janitor_tasks")["take_turn"], name, self._owner_id, seconds, not_within_seconds
            )
            return taken is not None

        return await self._database.run(work)

    async def end(self, name: str, counts: Mapping[str, int]) -> None:
        """The turn came to its end, with these counts."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("janitor_tasks")["end_turn"], name, self._owner_id, dict(counts))

        await self._database.run(work)

    async def leave(self, name: str) -> None:
        """Let others have it at once; nothing is noted."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("janitor_tasks")["leave_turn"], name, self._owner_id)

        await self._database.run(work)
