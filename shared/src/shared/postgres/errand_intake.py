"""Accepting errands: cleanups, summaries, and making the index anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.clock import new_id
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.intake_support import add_job, audit
from shared.postgres.locks import lock_sources
from shared.postgres.sql import queries
from shared.states import ErrandType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


class PostgresErrandIntake:
    """Takes in errands; a janitor finds them in the rows."""

    def __init__(self, *, database: Database, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    async def start_errand(self, *, caller: Caller, kind: ErrandType, payload: dict[str, Any]) -> UUID:
        """Accept a new errand, whatever others there are.

        Args:
            caller: on whose behalf.
            kind: of the errand.
            payload: checked, as JSON; with ``source_id`` or ``document_ids`` where it is about these.

        Raises:
            NotFoundError: no such live source or document.
        """
        job_id = new_id()

        async def work(connection: Connection) -> UUID:
            await self._check(connection, caller, payload)
            await add_errand(
                connection, caller, job_id, kind=kind, payload=payload, max_attempts=self._max_attempts
            )
            await audit(connection, caller, "job.start", job_id, type=kind.value)
            return job_id

        return await self._database.run(work, caller.tenant_id)

    async def reembed(self, *, caller: Caller, source_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """Have sources indexed anew: each with its run, the one that is open already where there is one.

        Raises:
            NotFoundError: one of them is no live source; nothing was accepted.
        """
        new = {source_id: new_id() for source_id in source_ids}

        async def work(connection: Connection) -> list[tuple[UUID, UUID]]:
            await self._check_sources(connection, caller, list(new))
            return [
                (source_id, await self._reembed(connection, caller, source_id, job_id))
                for source_id, job_id in new.items()
            ]

        return await self._database.run(work, caller.tenant_id)

    async def _reembed(self, connection: Connection, caller: Caller, source_id: UUID, job_id: UUID) -> UUID:
        found: UUID | None = await connection.fetchval(queries("errands")["open_reembed"], source_id)
        if found is not None:
            return found
        await add_errand(
            connection,
            caller,
            job_id,
            kind=ErrandType.REEMBED,
            payload={"source_id": str(source_id)},
            max_attempts=self._max_attempts,
        )
        await audit(connection, caller, "source.reembed", source_id, run_id=str(job_id))
        return job_id

    async def _check(self, connection: Connection, caller: Caller, payload: dict[str, Any]) -> None:
        if payload.get("source_id"):
            await self._check_sources(connection, caller, [UUID(payload["source_id"])])
        if payload.get("document_ids"):
            ids = [UUID(one) for one in payload["document_ids"]]
            query = queries("document_summaries")["unknown_documents"]
            if await connection.fetch(query, caller.tenant_id, ids):
                raise NotFoundError("document")

    @staticmethod
    async def _check_sources(connection: Connection, caller: Caller, source_ids: Sequence[UUID]) -> None:
        locked = await lock_sources(connection, source_ids)
        for source_id in source_ids:
            source = locked.get(source_id)
            if source is None or source["status"] != "live" or source["tenant_id"] != caller.tenant_id:
                raise NotFoundError("source")


async def add_errand(
    connection: Connection,
    caller: Caller,
    job_id: UUID,
    *,
    kind: ErrandType,
    payload: dict[str, Any],
    max_attempts: int,
) -> None:
    """Insert one. Only a reembed is its source's: a summarizer reads what is there, and stands in nobody's way."""
    about = UUID(payload["source_id"]) if kind is ErrandType.REEMBED else None
    await add_job(
        connection,
        caller,
        id=job_id,
        root_id=job_id,
        source_id=about,
        type=kind.value,
        payload=payload,
        # What people are shown of it.
        config=payload,
        max_attempts=max_attempts,
    )
