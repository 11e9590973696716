"""Doing a job again: a new one of the same type, payload and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.clock import new_id
from shared.postgres.errand_intake import add_errand
from shared.postgres.intake_errors import AlreadyActiveError, NotFoundError
from shared.postgres.intake_support import add_job
from shared.postgres.sql import queries
from shared.states import ERRANDS, ErrandType

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """A job that is done again.

    Attributes:
        job: the row, locked with its source.
        run_id: of the new one.
        payload: its own, changes included; those of a crawl are in its settings instead.
    """

    job: Record
    run_id: UUID
    payload: dict[str, Any]
    max_attempts: int


async def repeat(connection: Connection, caller: Caller, again: Repetition) -> None:
    """Add the new job.

    Raises:
        NotFoundError: the version or the seed page is gone.
        AlreadyActiveError: the version is being served already.
    """
    kind = again.job["type"]
    if kind in ERRANDS:
        await add_errand(
            connection,
            caller,
            again.run_id,
            kind=ErrandType(kind),
            payload=again.payload,
            max_attempts=again.max_attempts,
        )
    elif kind == "upload":
        await _upload(connection, caller, again)
    elif kind == "activate":
        await add_activation(
            connection,
            caller,
            again.run_id,
            source_id=again.job["source_id"],
            document_id=again.job["document_id"],
            version_id=UUID(again.payload["version_id"]),
        )
    else:
        await _crawl(connection, caller, again)


async def add_activation(
    connection: Connection,
    caller: Caller,
    run_id: UUID,
    *,
    source_id: UUID,
    document_id: UUID,
    version_id: UUID,
) -> None:
    """Have an earlier version served again, under the lock of its live source.

    Raises:
        NotFoundError: it is not kept any more.
        AlreadyActiveError: it is being served already.
    """
    version = await connection.fetchrow(
        queries("document_versions")["kept"], version_id, document_id, caller.tenant_id
    )
    if version is None:
        raise NotFoundError("version")
    if version["is_active"]:
        raise AlreadyActiveError("This version is being served already.")
    await add_job(
        connection,
        caller,
        id=run_id,
        root_id=run_id,
        source_id=source_id,
        document_id=document_id,
        version_id=version_id,
        type="activate",
        payload={"document_id": str(document_id), "version_id": str(version_id)},
    )


async def _upload(connection: Connection, caller: Caller, again: Repetition) -> None:
    await add_job(
        connection,
        caller,
        id=again.run_id,
        root_id=again.run_id,
        source_id=again.job["source_id"],
        document_id=again.job["document_id"],
        type="upload",
        handler="file",
        lane="interactive",
        bytes_sha256=again.job["bytes_sha256"],
        max_attempts=again.max_attempts,
        payload=again.payload,
        config=again.job["config"] | {"title": again.payload.get("title")},
    )


async def _crawl(connection: Connection, caller: Caller, again: Repetition) -> None:
    seed = await connection.fetchrow(queries("jobs")["seed_of"], again.job["id"])
    if seed is None:
        raise NotFoundError("seed page")
    of_run = {"root_id": again.run_id, "source_id": again.job["source_id"]}
    await add_job(
        connection,
        caller,
        id=again.run_id,
        type="crawler",
        total=1,
        payload=again.job["payload"],
        config=again.job["config"],
        **of_run,
    )
    await add_job(
        connection,
        caller,
        id=new_id(),
        parent_id=again.run_id,
        type="page",
        handler="web",
        host=seed["host"],
        url_key=seed["url_key"],
        depth=0,
        is_seed=True,
        max_attempts=again.max_attempts,
        payload=seed["payload"] | {"run_id": str(again.run_id)},
        **of_run,
    )
