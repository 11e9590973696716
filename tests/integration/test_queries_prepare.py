"""Every named query is understood by a real Postgres with the newest schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from shared.postgres.sql import queries, tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database

EVERY = [(table, name) for table in tables() for name in queries(table)]


@pytest.fixture(scope="module")
async def service(module_database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of the role that the services have."""
    connection = await asyncpg.connect(module_database.service_url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@pytest.mark.parametrize(("table", "name"), EVERY)
async def test_the_query_prepares_and_may_be_run(
    service: asyncpg.Connection[asyncpg.Record], table: str, name: str
) -> None:
    text = queries(table)[name]
    prepared = await service.prepare(text, timeout=10)
    if "*/ SHOW " in text:
        return  # has no plan and needs no right
    # Preparing does not ask for rights, planning does; the generic plan needs no values.
    arguments = len(prepared.get_parameters())
    async with service.transaction(readonly=False):
        await service.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE tried AS {text}")
        try:
            await service.fetch(f"EXPLAIN EXECUTE tried{_nulls(arguments)}", timeout=10)
        finally:
            await service.execute("DEALLOCATE tried")


def _nulls(count: int) -> str:
    return f"({', '.join(['NULL'] * count)})" if count else ""


async def test_a_query_that_names_what_is_not_there_is_refused(
    service: asyncpg.Connection[asyncpg.Record],
) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await service.prepare("SELECT no_such_column FROM jobs", timeout=10)


async def test_a_query_without_the_right_to_it_is_refused(
    service: asyncpg.Connection[asyncpg.Record],
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.fetch("EXPLAIN DELETE FROM schema_migrations", timeout=10)
