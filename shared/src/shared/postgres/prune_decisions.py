"""What people decide about pages that a run holds back, and how the janitor carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.postgres.intake_errors import AlreadyDecidedError, NotFoundError, NothingHeldError
from shared.postgres.intake_support import audit
from shared.postgres.locks import lock_family
from shared.postgres.pruning import is_at_work, retire_slice
from shared.postgres.sql import queries
from shared.postgres.upkeep_support import ACTOR
from shared.states import PruneState

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of held pages: how many there were, and how many are retired by now."""

    state: PruneState
    pages: int
    retired: int


class PostgresPruneDecisions:
    """What people say about runs whose pages are held."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def decide_prune(self, *, caller: Caller, run_id: UUID, approve: bool) -> Decided:
        """Retire what a run holds, all but what was found again since; or keep it. The first who decides has decided.

        Of many pages only the first are retired here, the janitor retires the others.

        Raises:
            NotFoundError: no such run, or its source is being deleted.
            NothingHeldError: the run never held anything.
            AlreadyDecidedError: somebody has decided, or a later run has looked anew.
        """
        wanted = PruneState.APPROVED if approve else PruneState.REJECTED
        tried = False

        async def work(connection: Connection) -> Decided:
            nonlocal tried
            held = await _locked(connection, caller, run_id)
            if tried and held["state"] == wanted and held["decided_by"] == caller.actor:
                return Decided(wanted, held["pages"], held["retired"])
            if await connection.fetchval(queries("prunes")["decide"], run_id, wanted, caller.actor) is None:
                raise AlreadyDecidedError(f"The pages that this run held back are {held['state']} already.")
            retired = await _carry_out(connection, held, approve=approve)
            action = "prune.approve" if approve else "prune.reject"
            await audit(connection, caller, action, run_id, pages=held["pages"])
            tried = True
            return Decided(wanted, held["pages"], retired)

        return await self._database.run(work, caller.tenant_id)


async def _locked(connection: Connection, caller: Caller, run_id: UUID) -> Record:
    found = await connection.fetchrow(queries("jobs")["of_tenant"], run_id, caller.tenant_id)
    if found is None or found["parent_id"] is not None:
        raise NotFoundError("run")
    family = await lock_family(connection, [run_id])
    if run_id not in family.jobs or not family.source_is_live(family.jobs[run_id]):
        raise NotFoundError("run")
    held = await connection.fetchrow(queries("prunes")["of_run"], run_id)
    if held is None:
        raise NothingHeldError("This run holds no pages back.")
    return held


async def _carry_out(connection: Connection, held: Record, *, approve: bool) -> int:
    if approve:
        retired, _ = await retire_slice(connection, held["run_id"], held["source_id"])
        return retired
    await connection.execute(queries("held_pages")["drop_of_runs"], [held["run_id"]])
    return 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a turn did: documents that were retired, runs of which nothing is left; ``found`` whether it was at work."""

    retired: int = 0
    finished: int = 0
    found: bool = False


class PostgresPruneUpkeep:
    """Retires, slice by slice, what is approved; several janitors at once do each slice once."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def unfinished(self, *, at_most: int) -> list[UUID]:
        """Runs of which approved documents are still served."""

        async def work(connection: Connection) -> list[UUID]:
            return [row["run_id"] for row in await connection.fetch(queries("prunes")["unfinished"], at_most)]

        return await self._database.run(work)

    async def retire_next(self, run_id: UUID) -> Pruned:
        """One slice of one run, in one transaction."""

        async def work(connection: Connection) -> Pruned:
            family = await lock_family(connection, [run_id])
            held = await connection.fetchrow(queries("prunes")["of_run"], run_id)
            if held is None or not is_at_work(held) or not family.source_is_live(family.jobs[run_id]):
                return Pruned()
            retired, finished = await retire_slice(connection, run_id, held["source_id"])
            if finished:
                detail = {"pages": held["pages"], "retired": held["retired"] + retired}
                await connection.execute(
                    queries("audit_log")["add"],
                    held["tenant_id"],
                    ACTOR,
                    "prune.retired",
                    str(run_id),
                    "retired",
                    detail,
                )
            return Pruned(retired, int(finished), found=True)

        return await self._database.run(work)
