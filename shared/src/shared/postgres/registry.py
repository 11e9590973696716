"""Which Weaviate collection is current, and which tenants live in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and what its vectors were made by."""

    name: str
    model: str
    dimensions: int


class PostgresRegistry:
    """The table ``collections``, and the tenants that are alive."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def current(self, *, otherwise: Collection) -> Collection:
        """The current collection; ``otherwise`` becomes it where there is none yet."""

        async def work(connection: Connection) -> Collection:
            await connection.execute(
                queries("collections")["add_first"], otherwise.name, otherwise.model, otherwise.dimensions
            )
            row = await connection.fetchrow(queries("collections")["current"])
            return Collection(row["name"], row["model"], row["dimensions"]) if row else otherwise

        return await self._database.run(work)

    async def all(self) -> list[Collection]:
        """Every collection, the oldest first."""

        async def work(connection: Connection) -> list[Collection]:
            rows = await connection.fetch(queries("collections")["all"])
            return [Collection(row["name"], row["model"], row["dimensions"]) for row in rows]

        return await self._database.run(work)

    async def live_tenants(self) -> dict[UUID, str]:
        """The slugs of tenants that are not deleted."""

        async def work(connection: Connection) -> dict[UUID, str]:
            return {row["id"]: row["slug"] for row in await connection.fetch(queries("tenants")["live"])}

        return await self._database.run(work)
