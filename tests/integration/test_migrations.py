"""Each migration can be taken back and applied again, and leaves the same schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

from shared.postgres.migrate import directory, migrate, read

if TYPE_CHECKING:
    from support.databases import Database

SCHEMA: Final = """
    SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'policy', tablename, policyname, coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies
    UNION ALL
    SELECT 'grant', table_name, grantee, string_agg(privilege_type, ' ' ORDER BY privilege_type)
    FROM information_schema.table_privileges WHERE table_schema = 'public' GROUP BY 2, 3
    UNION ALL
    SELECT 'function', proname, '', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4"""


async def schema(url: str) -> list[tuple[str, ...]]:
    """Everything that queries and policies can rest on, in an order of its own."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(SCHEMA)]
    finally:
        await connection.close()


async def test_each_migration_can_be_taken_back_and_applied_again(database: Database) -> None:
    url, folder = database.owner_url, directory()
    for number in range(len(read(folder)), 0, -1):
        before = await schema(url)
        await migrate(url, folder, target=number - 1)
        without = await schema(url)
        assert without != before, number
        await migrate(url, folder, target=number)
        assert await schema(url) == before, number
        await migrate(url, folder, target=number - 1)
        assert await schema(url) == without, number
