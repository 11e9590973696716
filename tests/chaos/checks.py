"""What must be true when the system is quiet: P1 and P4."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from chaos.broken import BrokenPromiseError
from shared.vectors.port import MARKS

if TYPE_CHECKING:
    from support.e2e import Truth

POLL_SECONDS: Final = 1.0
REPAIR_SECONDS: Final = 30.0

NOT_LISTED: Final = """
    SELECT j.id, j.type, j.error_code FROM jobs j LEFT JOIN failed_jobs f ON f.id = j.id
    WHERE j.status = 'failed' AND j.handler IS NOT NULL AND (f.id IS NULL OR f.payload = '{}') LIMIT 12"""
NOT_FAILED: Final = """
    SELECT f.id, j.status FROM failed_jobs f JOIN jobs j ON j.id = f.id WHERE j.status <> 'failed' LIMIT 12"""
MISCOUNTED: Final = """
    SELECT r.id, r.total, r.succeeded, r.failed, r.skipped, r.cancelled, count(c.id) AS children
    FROM jobs r JOIN jobs c ON c.root_id = r.id AND c.id <> r.id WHERE r.parent_id IS NULL
    GROUP BY r.id HAVING r.total <> count(c.id) OR r.succeeded <> count(*) FILTER (WHERE c.status = 'succeeded')
        OR r.failed <> count(*) FILTER (WHERE c.status = 'failed')
        OR r.skipped <> count(*) FILTER (WHERE c.status = 'skipped')
        OR r.cancelled <> count(*) FILTER (WHERE c.status = 'cancelled') LIMIT 12"""
LEDGER: Final = """
    SELECT t.slug, coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(in_flight), 0)::bigint AS in_flight,
        coalesce(sum(l.succeeded + l.failed + l.cancelled + l.skipped), 0)::bigint AS ended,
        coalesce(sum(removed_succeeded + removed_failed + removed_cancelled + removed_skipped), 0)::bigint AS removed,
        (SELECT count(*) FROM jobs j WHERE j.tenant_id = t.id) AS rows
    FROM tenants t LEFT JOIN ledger l ON l.tenant_id = t.id GROUP BY t.id, t.slug"""
DEAD_MESSAGES: Final = (
    "SELECT topic, reason, left(encode(body, 'escape'), 200) AS body FROM dead_messages LIMIT 12"
)
OPEN_PAGES: Final = """
    SELECT source_id, url_key, fate FROM crawl_pages WHERE fate IN ('queued', 'running') LIMIT 12"""
ROWS: Final = {
    "failed jobs that are not listed, or without a payload": NOT_LISTED,
    "jobs that are listed as failed and are not": NOT_FAILED,
    "runs whose figures are not those of their pages": MISCOUNTED,
    "messages that could not be understood": DEAD_MESSAGES,
    "pages of a site that are open, though no run is": OPEN_PAGES,
}


async def conserved(truth: Truth) -> None:
    """P1: every job has ended in one way, and every failure is listed.

    Raises:
        BrokenPromiseError: P1.
    """
    for what, sql in ROWS.items():
        if rows := await truth.rows(sql):
            raise BrokenPromiseError("P1", f"there are {what}", tuple(str(dict(row)) for row in rows))
    for row in await truth.rows(LEDGER):
        if (
            row["in_flight"]
            or row["accepted"] != row["ended"]
            or row["ended"] != row["rows"] + row["removed"]
        ):
            raise BrokenPromiseError("P1", f"the ledger does not balance: {dict(row)}")


async def converged(truth: Truth) -> None:
    """P4: one object for each chunk that is served, each found by its own vector, and nothing else.

    What the audit may still put right gets its time.

    Raises:
        BrokenPromiseError: P4.
    """
    deadline = time.monotonic() + REPAIR_SECONDS
    while wrong := await truth._wrong():
        if time.monotonic() > deadline:
            raise BrokenPromiseError("P4", wrong[0], tuple(wrong[1:]))
        await asyncio.sleep(POLL_SECONDS)


async def nothing_else(truth: Truth, tenants: set[str]) -> None:
    """P4: Weaviate has no collection and no tenant that the rows do not know.

    Raises:
        BrokenPromiseError: P4.
    """
    known = {row["name"] for row in await truth.rows("SELECT name FROM collections")}
    schema = await truth._weaviate("GET", "/v1/schema")
    found = {each["class"] for each in schema["classes"]} - {MARKS}
    if found != known:
        raise BrokenPromiseError("P4", f"Weaviate has the collections {found}, the rows know {known}")
    for name in found:
        there = {each["name"] for each in await truth._weaviate("GET", f"/v1/schema/{name}/tenants")}
        if there != tenants:
            raise BrokenPromiseError("P4", f"{name} has the tenants {there}, the rows know {tenants}")
