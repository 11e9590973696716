"""A second tenant with a document of its own: rows alone, for which the audit makes the objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaos import texts
from shared.clock import new_id

if TYPE_CHECKING:
    import asyncpg

SLUG: Final = "stranger"
NAME: Final = "their file.md"

PLANTED: Final = (
    "INSERT INTO tenants (id, slug, name) VALUES ($1, 'stranger', 'Stranger')",
    "INSERT INTO groups (id, tenant_id, name) VALUES ($1, $1, 'default')",
    (
        "INSERT INTO sources (id, tenant_id, group_id, type, name, file_name)"
        " VALUES ($1, $1, $1, 'upload', 'their file.md', 'their file.md')"
    ),
    (
        "INSERT INTO documents (id, tenant_id, source_id, source_uri, title, status)"
        " VALUES ($1, $1, $1, 'upload://sha256:0', 'Theirs', 'active')"
    ),
    (
        "INSERT INTO document_versions (id, tenant_id, source_id, document_id, job_id, epoch, run_seq, content_hash,"
        " source_uri, chunk_count, is_active, activated_at)"
        " VALUES ($1, $1, $1, $1, $1, 1, 1, '0', 'upload://sha256:0', 1, true, now())"
    ),
    "INSERT INTO version_chunks (version_id, ordinal, chunk_id, tenant_id) VALUES ($1, 0, $1, $1)",
    (
        "INSERT INTO objects (object_id, tenant_id, source_id, document_id, chunk_id, collection, batch_id, state, activated_at)"
        " SELECT $1, $1, $1, $1, $1, name, $1, 'active', now() FROM collections WHERE is_current"
    ),
)


async def plant(postgres: asyncpg.Pool, seed: int) -> str:
    """Make the tenant; the word that stands in its document alone."""
    theirs = texts.document_marker(seed, NAME)
    key = new_id()
    async with postgres.acquire() as connection, connection.transaction():
        for statement in PLANTED:
            await connection.execute(statement, key)
        await connection.execute(
            "INSERT INTO chunks (id, tenant_id, source_id, document_id, text) VALUES ($1, $1, $1, $1, $2)",
            key,
            f"{theirs} is what they alone may know of the lantern and the harbour.",
        )
    return theirs
