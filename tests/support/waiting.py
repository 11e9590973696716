"""Transactions that meet: who waits for whom is asked of Postgres, never assumed after a pause."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from shared.postgres.database import Connection
    from support.pipeline import Pipeline

PATIENCE_SECONDS = 15
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def until_somebody_waits(pipeline: Pipeline) -> None:
    """Return when a transaction waits for a lock."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await pipeline.value(WAITING):  # noqa: ASYNC110  (the server tells nobody)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def held(
    pipeline: Pipeline, table: str, key: object, *, meanwhile: Awaitable[Any]
) -> AsyncIterator[Connection]:
    """Hold the row of ``table`` with this id until ``meanwhile`` waits for it; let go and await it at the end.

    What is yielded is the connection that holds the row, in its transaction.
    """
    waiting: asyncio.Future[Any] | None = None
    try:
        async with pipeline.gateway.transaction("*") as other:
            await other.execute(f"SELECT 1 FROM {table} WHERE id = $1 FOR NO KEY UPDATE", key)
            waiting = asyncio.ensure_future(meanwhile)
            await until_somebody_waits(pipeline)
            yield other
    finally:
        if waiting is not None:
            await waiting


async def take(connection: Connection, table: str, *keys: object) -> None:
    """Lock the rows of ``table`` with these ids; fails at once where somebody has one of them."""
    await connection.execute(
        f"SELECT 1 FROM {table} WHERE id = ANY ($1) FOR NO KEY UPDATE NOWAIT", list(keys)
    )
