"""Messages that could not be understood, kept for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from shared.postgres.database import Connection, Database

#: What is kept of a body: enough to see what it was meant to be.
KEPT_BYTES: Final = 64 * 1024


class PostgresDeadLetters:
    """The table ``dead_messages``."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, *, topic: str, channel: str, message_id: str, reason: str, body: bytes) -> bool:
        """Keep a message; False where it is kept already."""

        async def work(connection: Connection) -> bool:
            added = await connection.fetchval(
                queries("dead_messages")["add"],
                topic,
                channel,
                message_id,
                reason[:2000],
                body[:KEPT_BYTES],
                len(body),
            )
            return added is not None

        return await self._database.run(work)
