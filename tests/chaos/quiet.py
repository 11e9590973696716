"""Whether the system has come to rest, and what it still waits for (P5)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from chaos.broken import BrokenPromiseError

if TYPE_CHECKING:
    from support.e2e import Truth

POLL_SECONDS: Final = 0.5
SHOWN: Final = 12

OPEN_JOBS: Final = """
    SELECT j.id, j.type, j.status, j.stage, j.epoch, j.attempt, j.reclaims, j.announcements, j.announced_at,
        j.available_at, j.deadline_at, w.instance AS worker, j.total - j.succeeded - j.failed - j.skipped - j.cancelled AS open,
        coalesce(j.payload ->> 'url', s.file_name) AS what
    FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id LEFT JOIN sources s ON s.id = j.source_id
    WHERE j.status IN ('queued', 'running') ORDER BY j.seq LIMIT 12"""
DELETING: Final = "SELECT id, type, deleting_at FROM sources WHERE status = 'deleting' LIMIT 12"
OBJECTS: Final = """
    SELECT state, count(*) FROM objects
    WHERE state IN ('staged', 'superseded') OR (state = 'deleting' AND deleted_at IS NULL) GROUP BY state"""
REPAIRS: Final = "SELECT kind, count(*) FROM repairs GROUP BY kind"
RETRIES: Final = (
    "SELECT id, handler, error_code, next_retry_at FROM failed_jobs WHERE next_retry_at IS NOT NULL LIMIT 12"
)
BATCHES: Final = "SELECT batch_id, state, expires_at FROM index_batches WHERE state = 'open' LIMIT 12"
LOOKS: Final = {
    "open jobs": OPEN_JOBS,
    "sources that are being deleted": DELETING,
    "objects on their way in or out": OBJECTS,
    "repairs": REPAIRS,
    "failed jobs that will be retried": RETRIES,
    "open index batches": BATCHES,
}
AUDITED: Final = """
    SELECT count(*) FROM tenants t CROSS JOIN collections c
    LEFT JOIN audit_state a ON a.tenant_id = t.id AND a.collection = c.name
    WHERE t.deleted_at IS NULL AND (a.checked_at IS NULL OR a.checked_at < $1)"""


async def come_to_rest(truth: Truth, *, deadline: float) -> float:
    """Wait until nothing is on its way any more, and the audit has gone round once since.

    Args:
        truth: the servers of the stack.
        deadline: by the monotonic clock.

    Returns:
        seconds that it took.

    Raises:
        BrokenPromiseError: P5, with what is still waited for.
    """
    began = time.monotonic()
    while waiting := await _waiting_for(truth):
        if time.monotonic() > deadline:
            raise BrokenPromiseError("P5", "the system does not come to rest", tuple(waiting))
        await asyncio.sleep(POLL_SECONDS)
    quiet_at = await truth.value("SELECT now()")
    while left := await truth.value(AUDITED, quiet_at):
        if time.monotonic() > deadline:
            raise BrokenPromiseError("P5", f"the audit does not go round ({left} places are left)")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


async def _waiting_for(truth: Truth) -> list[str]:
    # Of one moment: a dead job that is retried between two looks would be seen neither as dead nor as open.
    looks = await truth.at_once(LOOKS.values())
    found = [f"{what}: {dict(row)}" for what, rows in zip(LOOKS, looks, strict=True) for row in rows[:SHOWN]]
    if messages := await truth.waiting():
        found.append(f"{messages} messages in the channels of nsqd")
    return found
