"""Pieces that every accepted request needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.postgres.intake_errors import NotFoundError
from shared.postgres.sql import queries
from shared.postgres.transitions import accept_jobs
from shared.states import JobStatus

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection


async def find_group(connection: Connection, caller: Caller, group_id: UUID | None) -> UUID:
    """The given group, held against removal; the tenant's group ``default`` where none is given.

    Raises:
        NotFoundError: the tenant has no such group.
    """
    if group_id is None:
        found: UUID = await connection.fetchval(queries("sources")["default_group"], caller.tenant_id)
        return found
    if await connection.fetchval(queries("sources")["hold_group"], group_id, caller.tenant_id) is None:
        raise NotFoundError("group")
    return group_id


async def add_job(connection: Connection, caller: Caller, **columns: Any) -> None:
    """Insert a job and count it as accepted; columns that are not given keep what is usual for a queued one.

    A job that is there already is left alone: then this is the repetition of a request whose answer was lost.
    """
    values: dict[str, Any] = {
        "id": None,
        "tenant_id": caller.tenant_id,
        "parent_id": None,
        "root_id": None,
        "source_id": None,
        "document_id": None,
        "type": None,
        "handler": None,
        "status": JobStatus.QUEUED,
        "lane": "bulk",
        "host": None,
        "url_key": None,
        "depth": None,
        "is_seed": False,
        "bytes_sha256": None,
        "waits_for": None,
        "max_attempts": 1,
        "payload": {},
        "config": {},
        "request_id": caller.request_id,
        "total": 0,
        "reason": None,
        "duplicate_of": None,
        "version_id": None,
    } | columns
    if await connection.fetchval(queries("jobs")["add"], *values.values()) is not None:
        await accept_jobs(connection, caller.tenant_id, 1)


async def audit(
    connection: Connection, caller: Caller, action: str, target: object, **detail: object
) -> None:
    """Write who did what to what."""
    await connection.execute(
        queries("audit_log")["add"], caller.tenant_id, caller.actor, action, str(target), "accepted", detail
    )
