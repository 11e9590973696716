"""Messages that could not be understood, kept for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.contracts.dead import KeptMessage
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database

#: What is kept of a body: enough to see what it was meant to be.
KEPT_BYTES: Final = 64 * 1024


class PostgresDeadLetters:
    """The table ``dead_messages``."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(
        self, *, topic: str, channel: str, message_id: str, reason: str, body: bytes
    ) -> KeptMessage:
        """Keep a message, once; says whether it was published to ``ingest.dead`` before."""

        async def work(connection: Connection) -> KeptMessage:
            row = await connection.fetchrow(
                queries("dead_messages")["add"],
                topic,
                channel,
                message_id,
                reason,
                body[:KEPT_BYTES],
                len(body),
            )
            if row is None:
                raise AssertionError("an upsert returns its row")
            return KeptMessage(row["id"], row["published"])

        return await self._database.run(work)

    async def mark_published(self, key: UUID) -> None:
        """``ingest.dead`` has it too."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("dead_messages")["mark_published"], key)

        await self._database.run(work)
