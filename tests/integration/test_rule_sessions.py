"""What every session with Postgres has: limits below the lease, a role that owns nothing, signs of life in time."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ingest_worker.adapters.parser_pool import ParserPool
from ingest_worker.core.parse_request import ParseRequest
from janitor.config import JanitorSettings
from shared import wiring
from shared.content_types import DocumentType
from shared.heartbeat import Heartbeat
from shared.postgres.presence import PostgresPresence
from support import documents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    import pytest

    from support.databases import Database
    from support.pipeline import Pipeline

SIGNS_OF_LIFE = 3
LONG_SECONDS = 60.0


async def test_no_statement_lock_or_idle_transaction_outlives_the_lease(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", database.service_url)
    monkeypatch.setenv("QUERN_LEASE_SECONDS", "8")
    opened = wiring.database(JanitorSettings(), application="tests", principal="*")
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    try:
        async with opened.transaction() as connection:
            found = {name: await connection.fetchval(f"SHOW {name}") for name in limits}
    finally:
        await opened.close()
    assert found == {
        "statement_timeout": "4s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "4s",
    }


async def test_services_own_nothing_and_cannot_pass_by_row_level_security(pipeline: Pipeline) -> None:
    (role,) = await pipeline.rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert not any(role)
    assert await pipeline.value("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == 0
    unguarded = await pipeline.rows(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity
        """
    )
    assert [row["relname"] for row in unguarded] == []


@asynccontextmanager
async def alive(pipeline: Pipeline) -> AsyncIterator[None]:
    """The pipeline's worker gives signs of life, as a service does."""
    presence = PostgresPresence(
        database=pipeline.database,
        process_id=pipeline.worker_id,
        kind="ingest-worker",
        instance="tests",
        lease_seconds=LONG_SECONDS,
    )
    stop = asyncio.Event()
    beating = asyncio.create_task(Heartbeat(presence=presence, every_seconds=0.1).run(stop))
    try:
        yield
    finally:
        stop.set()
        await beating


async def test_a_worker_shows_its_life_while_every_core_is_busy_parsing(pipeline: Pipeline) -> None:
    slow = ParseRequest(kind=DocumentType.HTML, body=documents.slow_html())
    cores = os.cpu_count() or 1
    seen: set[datetime] = set()
    pool = ParserPool(processes=cores)
    await pool.start()
    try:
        async with alive(pipeline), asyncio.timeout(LONG_SECONDS):
            parsing = [
                asyncio.create_task(pool.parse(slow, timeout_seconds=LONG_SECONDS)) for _ in range(cores)
            ]
            while pool.busy < cores:  # noqa: ASYNC110  (the processes tell nobody)
                await asyncio.sleep(0.01)
            while len(seen) <= SIGNS_OF_LIFE:
                seen.add(
                    await pipeline.value("SELECT beat_at FROM workers WHERE id = $1", pipeline.worker_id)
                )
                await asyncio.sleep(0.01)
            assert not any(task.done() for task in parsing)
            for task in parsing:
                task.cancel()
            await asyncio.gather(*parsing, return_exceptions=True)
    finally:
        await pool.aclose()
