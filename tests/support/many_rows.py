"""A database as a busy installation has it after a year: filled by Postgres itself, in proportions that stay the same.

Of each thousand jobs, 300 are uploads (each with its source, its document and its version), one is a crawl and the
rest are pages of crawls; a hundredth has failed. A tenth of it belongs to another tenant.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    import asyncpg

TENANT: Final = UUID("00000000-0000-7000-8000-000000000001")
OTHER: Final = UUID("00000000-0000-7000-8000-000000000002")
LOG_LINES_OF_ONE_JOB: Final = 1_000
VACUUM_SECONDS: Final = 60.0

_OF_NUMBER: Final = """
CREATE FUNCTION pg_temp.key(kind int, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('019a0000-0000-7000-8' || lpad(to_hex(kind), 3, '0') || '-' || lpad(to_hex(number), 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.tenant(number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN number % 10 = 9 THEN '00000000-0000-7000-8000-000000000002'::uuid
               ELSE '00000000-0000-7000-8000-000000000001'::uuid END $$;
CREATE FUNCTION pg_temp.ended(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN number % 100 = 7 THEN 'failed' WHEN number % 1000 = 11 THEN 'cancelled'
               WHEN number % 50 = 3 THEN 'skipped' ELSE 'succeeded' END $$;
"""

# Kinds of keys: 1 groups, 2 uploads' sources, 3 crawls' sources, 4 uploads, 5 crawls, 6 pages, 7 documents.
_FILL: Final = """
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO tenants (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000002', 'other', 'Other');
INSERT INTO groups (id, tenant_id, name)
    SELECT pg_temp.key(1, n), pg_temp.tenant(n), 'group ' || n FROM generate_series(1, 200) n;
INSERT INTO sources (id, tenant_id, group_id, type, name, file_name, created_at)
    SELECT pg_temp.key(2, n), pg_temp.tenant(n), pg_temp.key(1, 1 + n / 10 % 20 * 10 + n % 10), 'upload',
           'file ' || n, 'file-' || n || '.pdf', now() - n * interval '1 minute'
    FROM generate_series(1, {uploads}) n;
INSERT INTO sources (id, tenant_id, group_id, type, name, url, url_key, created_at)
    SELECT pg_temp.key(3, n), pg_temp.tenant(n), pg_temp.key(1, 1 + n % 10), 'web', 'site ' || n,
           'https://s' || n || '.test/', 'https://s' || n || '.test/', now() - n * interval '1 hour'
    FROM generate_series(1, {sites}) n;
INSERT INTO jobs (id, tenant_id, root_id, source_id, document_id, type, handler, status, finished_at, created_at,
                  error_code, error)
    SELECT pg_temp.key(4, n), pg_temp.tenant(n), pg_temp.key(4, n), pg_temp.key(2, n), pg_temp.key(7, n), 'upload',
           'file', pg_temp.ended(n), now(), now() - ({uploads} - n) * interval '1 minute',
           CASE WHEN pg_temp.ended(n) = 'failed' THEN 'timeout' END, NULL
    FROM generate_series(1, {uploads}) n;
INSERT INTO jobs (id, tenant_id, root_id, source_id, type, status, finished_at, created_at, total, succeeded)
    SELECT pg_temp.key(5, n), pg_temp.tenant(n % {sites} + 1), pg_temp.key(5, n), pg_temp.key(3, n % {sites} + 1),
           'crawler', pg_temp.ended(n), now(), now() - ({crawls} - n) * interval '1 hour', 700, 700
    FROM generate_series(1, {crawls}) n;
INSERT INTO jobs (id, tenant_id, parent_id, root_id, source_id, type, handler, status, finished_at, created_at, url_key,
                  error_code, error)
    SELECT pg_temp.key(6, n), pg_temp.tenant(n / 700 % {sites} + 1), pg_temp.key(5, n / 700), pg_temp.key(5, n / 700),
           pg_temp.key(3, n / 700 % {sites} + 1), 'page', 'web', pg_temp.ended(n), now(), now(), '/' || n % 700,
           CASE WHEN pg_temp.ended(n) = 'failed' THEN 'timeout' END, NULL
    FROM generate_series(700, 700 + {pages} - 1) n;
INSERT INTO failed_jobs (id, tenant_id, root_id, source_id, handler, payload, error, error_code, created_at)
    SELECT id, tenant_id, root_id, source_id, handler, '{{}}', 'No answer.',
           CASE WHEN seq % 1000 = 7 THEN 'corrupt_file' ELSE 'timeout' END, created_at
    FROM jobs WHERE status = 'failed' AND handler IS NOT NULL;
INSERT INTO documents (id, tenant_id, source_id, source_uri, title, status, created_at)
    SELECT pg_temp.key(7, n), pg_temp.tenant(n), pg_temp.key(2, n), 'file-' || n, 'File ' || n,
           CASE pg_temp.ended(n) WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'retired' ELSE 'active' END,
           now() - n * interval '1 minute'
    FROM generate_series(1, {uploads}) n;
INSERT INTO documents (id, tenant_id, source_id, source_uri, title, url, status, created_at)
    SELECT pg_temp.key(8, n), pg_temp.tenant(n / 700 % {sites} + 1), pg_temp.key(3, n / 700 % {sites} + 1), '/' || n % 700,
           'Page ' || n, '/' || n % 700, 'active', now() - n * interval '1 second'
    FROM generate_series(700, 700 + {sites} * 700 - 1) n;
INSERT INTO document_versions (id, tenant_id, source_id, document_id, job_id, epoch, run_seq, content_hash, source_uri,
                               chunk_count, is_active, activated_at)
    SELECT id, tenant_id, source_id, id, id, 1, 1, 'hash of ' || id, source_uri, 12, true, now()
    FROM documents WHERE status = 'active';
INSERT INTO crawl_pages (source_id, url_key, tenant_id, url, run_id, job_id, document_id, depth, fate, fetched_at)
    SELECT source_id, source_uri, tenant_id, url, pg_temp.key(5, 1), NULL, id, 1,
           CASE WHEN right(source_uri, 2) = '07' THEN 'failed' ELSE 'succeeded' END, created_at
    FROM documents WHERE url IS NOT NULL;
INSERT INTO job_logs (tenant_id, job_id, root_id, level, message)
    SELECT tenant_id, id, root_id, 'info', 'page stored' FROM jobs WHERE seq % 3 = 0;
INSERT INTO job_logs (tenant_id, job_id, root_id, level, message)
    SELECT pg_temp.tenant(2), pg_temp.key(4, 2), pg_temp.key(4, 2), CASE WHEN n % 100 = 1 THEN 'error' ELSE 'info' END, 'line'
    FROM generate_series(1, {lines}) n;
INSERT INTO ledger (tenant_id, accepted, succeeded, failed, cancelled, skipped)
    SELECT tenant_id, count(*), count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'skipped')
    FROM jobs GROUP BY tenant_id;
SET session_replication_role = origin;
"""

_NOT_VISIBLE: Final = """
SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpages > 100 AND relallvisible < relpages * 0.9
"""


def key(kind: int, number: int) -> UUID:
    """The id of a row: 1 groups, 2 and 3 sources, 4 uploads, 5 crawls, 6 pages, 7 and 8 documents."""
    return UUID(f"019a0000-0000-7000-8{kind:03x}-{number:012x}")


@dataclass(frozen=True, slots=True)
class Filled:
    """What is there."""

    jobs: int
    uploads: int
    sites: int
    crawls: int


async def fill(connection: asyncpg.Connection[asyncpg.Record], *, jobs: int) -> Filled:
    """Fill a migrated database as its owner; the statistics and the visibility map are as autovacuum leaves them."""
    crawls = jobs // 1000
    sites = max(10, crawls // 10)
    uploads = jobs * 3 // 10
    pages = jobs - uploads - crawls
    await connection.execute(_OF_NUMBER)
    await connection.execute(
        _FILL.format(uploads=uploads, sites=sites, crawls=crawls, pages=pages, lines=LOG_LINES_OF_ONE_JOB),
        timeout=1200,
    )
    await _vacuumed(connection)
    return Filled(jobs=jobs, uploads=uploads, sites=sites, crawls=crawls)


async def _vacuumed(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Clean up until all is marked as visible to all, which a transaction elsewhere can put off."""
    async with asyncio.timeout(VACUUM_SECONDS):
        while True:
            await connection.execute("VACUUM (ANALYZE)", timeout=1200)
            if not await connection.fetchval(_NOT_VISIBLE):
                return
