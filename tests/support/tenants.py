"""Further tenants, and their work as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.clock import new_id
from shared.contracts.caller import Caller

if TYPE_CHECKING:
    from uuid import UUID

    from support.pipeline import Pipeline


async def add_tenant(pipeline: Pipeline, slug: str) -> Caller:
    """A tenant, and somebody of it."""
    tenant_id = new_id()
    await pipeline.rows(
        "INSERT INTO tenants (id, slug, name) VALUES ($1, $2, $2) RETURNING id", tenant_id, slug
    )
    return Caller(tenant_id=tenant_id, tenant_slug=slug, actor=f"somebody of {slug}", request_id="req-2")


async def add_pages(pipeline: Pipeline, run_id: UUID, count: int) -> None:
    """Pages that wait, behind those that the run has."""
    await pipeline.rows(
        """INSERT INTO jobs (id, tenant_id, parent_id, root_id, source_id, type, handler, lane, host, url_key, depth,
            payload)
        SELECT uuidv7(), s.tenant_id, s.root_id, s.root_id, s.source_id, 'page', 'web', 'bulk', s.host,
            s.url_key || n, 1, s.payload
        FROM jobs s CROSS JOIN generate_series(1, $2::integer) AS n WHERE s.parent_id = $1 AND s.is_seed RETURNING id""",
        run_id,
        count,
    )


async def add_uploads(pipeline: Pipeline, caller: Caller, count: int) -> None:
    """Files that wait, each of a source of its own."""
    await pipeline.rows(
        """WITH one AS (
            INSERT INTO groups (tenant_id, name) VALUES ($1, 'default')
            ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name RETURNING id
        ), files AS (
            INSERT INTO sources (id, tenant_id, group_id, type, name, file_name)
            SELECT uuidv7(), $1, one.id, 'upload', k.name, k.name
            FROM one CROSS JOIN LATERAL (SELECT uuidv7()::text AS name FROM generate_series(1, $2::integer)) AS k
            RETURNING id
        )
        INSERT INTO jobs (id, tenant_id, root_id, source_id, type, handler, lane)
        SELECT k.id, $1, k.id, k.source_id, 'upload', 'file', 'interactive'
        FROM (SELECT uuidv7() AS id, id AS source_id FROM files) AS k RETURNING id""",
        caller.tenant_id,
        count,
    )
