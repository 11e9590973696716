"""Cancel, retry, run again, roll back, delete: what people do to work and sources that exist."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.clock import new_id
from shared.postgres.intake_errors import (
    AlreadyActiveError,
    AlreadyFinishedError,
    AlreadyRetriedError,
    ConflictError,
    IngestInProgressError,
    JobActiveError,
    NotFailedError,
    NotFoundError,
    RunCancelledError,
)
from shared.postgres.intake_support import add_job, audit
from shared.postgres.locks import Family, lock_documents, lock_family, lock_jobs
from shared.postgres.sql import queries
from shared.postgres.transitions import Ending, close_runs, finish_jobs, move_ledger
from shared.states import TERMINAL, JobStatus, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database
    from shared.verdicts import PruneLimits

_RETRY_SLICE: Final = 200
#: Well below the time that clients wait for an answer.
RETRY_MANY_SECONDS: Final = 10.0


async def cancel_jobs(connection: Connection, job_ids: Sequence[UUID], *, limits: PruneLimits) -> None:
    """Cancel open jobs whose sources and runs the caller has locked; their runs close with them."""
    await lock_jobs(connection, job_ids)
    endings = [Ending(job_id=key, status=JobStatus.CANCELLED) for key in job_ids]
    await finish_jobs(connection, endings, limits=limits)


async def retry_locked(connection: Connection, family: Family, job_ids: Sequence[UUID]) -> list[UUID]:
    """Queue failed jobs again and open their runs; whatever is not failed any more is left alone.

    Guarded by ``status = 'failed'`` under the locks, so that two requests run a job once.
    """
    allowed = [
        key
        for key in job_ids
        if (job := family.jobs.get(key)) is not None
        and job["status"] == JobStatus.FAILED
        and family.source_is_live(job)
        and family.roots[job["root_id"]]["status"] != JobStatus.CANCELLED
    ]
    retried = [row["id"] for row in await connection.fetch(queries("jobs")["retry"], allowed)]
    if not retried:
        return []
    await connection.execute(queries("failed_jobs")["drop"], retried)
    ledger: dict[UUID, Counter[str]] = defaultdict(Counter)
    reopened: Counter[UUID] = Counter()
    for key in retried:
        job = family.jobs[key]
        ledger[job["tenant_id"]].update({"failed": -1, "in_flight": 1})
        if job["parent_id"]:
            reopened[job["parent_id"]] += 1
    for key in reopened:
        run = family.roots[key]
        if run["status"] in TERMINAL:
            ledger[run["tenant_id"]].update({run["status"]: -1, "in_flight": 1})
    if reopened:
        await connection.execute(queries("jobs")["reopen_runs"], list(reopened), list(reopened.values()))
    await move_ledger(connection, ledger)
    documents = [family.jobs[key]["document_id"] for key in retried if family.jobs[key]["document_id"]]
    await lock_documents(connection, documents)
    await connection.execute(queries("documents")["mark_pending"], documents)
    return retried


@dataclass(slots=True)
class _Before:
    """What an earlier try of the same request did, which may have been committed although its answer was lost."""

    tried: bool = False
    retries: dict[UUID, int] = field(default_factory=dict)

    def note_retried(self, family: Family, job_ids: Sequence[UUID]) -> None:
        """These were queued again in this try."""
        self.retries = {key: family.jobs[key]["retries"] + 1 for key in job_ids}

    def retried(self, family: Family) -> list[UUID]:
        """Those that an earlier try queued again, now that its commit shows in their rows."""
        return [
            key
            for key, retries in self.retries.items()
            if key in family.jobs and family.jobs[key]["retries"] >= retries
        ]


@dataclass(frozen=True, slots=True)
class RetriedMany:
    """How many were queued again, and how many of those that were meant the time did not suffice for."""

    retried: int = 0
    remaining: int = 0


class PostgresSteering:
    """Changes the course of work that exists."""

    def __init__(
        self,
        *,
        database: Database,
        max_attempts: int,
        prune_limits: PruneLimits,
        retry_many_seconds: float = RETRY_MANY_SECONDS,
    ) -> None:
        """``retry_many_seconds`` is after how long a request to retry many begins no further slice."""
        self._database = database
        self._max_attempts = max_attempts
        self._prune_limits = prune_limits
        self._retry_many_seconds = retry_many_seconds

    async def cancel(self, *, caller: Caller, job_id: UUID) -> None:
        """End a job, and with a run all its open pages.

        Raises:
            NotFoundError: no such job.
            AlreadyFinishedError: it has ended.
        """
        before = _Before()

        async def work(connection: Connection) -> None:
            family, job = await self._locked(connection, caller, job_id)
            if before.tried and job["status"] == JobStatus.CANCELLED:
                return
            if job["status"] in TERMINAL:
                raise AlreadyFinishedError("This job has ended already.")
            if job["parent_id"] is None:
                await self._cancel_runs(connection, family, [job_id])
            else:
                await cancel_jobs(connection, [job_id], limits=self._prune_limits)
            await audit(connection, caller, "job.cancel", job_id)
            before.tried = True

        await self._database.run(work, caller.tenant_id)

    async def retry(self, *, caller: Caller, job_id: UUID) -> UUID:
        """Queue a failed job again; of a failed crawl, its failed seed page. Returns the job's id.

        Raises:
            NotFoundError: no such job, or its source is being deleted.
            AlreadyRetriedError: it is in flight again already.
            NotFailedError: it never failed.
            RunCancelledError: its run was cancelled.
        """
        before = _Before()

        async def work(connection: Connection) -> UUID:
            seed = await connection.fetchval(queries("jobs")["seed_to_retry"], job_id)
            family, job = await self._locked(connection, caller, seed or job_id)
            key: UUID = job["id"]
            if key in before.retried(family):
                return key
            if not family.source_is_live(job):
                raise NotFoundError("job")
            if job["status"] != JobStatus.FAILED:
                if job["retries"] and job["status"] not in TERMINAL:
                    raise AlreadyRetriedError("This job has been retried and is in flight.")
                raise NotFailedError("This job has not failed.")
            if family.roots[job["root_id"]]["status"] == JobStatus.CANCELLED:
                raise RunCancelledError("The run of this job was cancelled: start a new one.")
            await retry_locked(connection, family, [key])
            await audit(connection, caller, "job.retry", key)
            before.note_retried(family, [key])
            return key

        return await self._database.run(work, caller.tenant_id)

    async def retry_many(
        self, *, caller: Caller, ids: Sequence[UUID] | None = None, error_code: str | None = None
    ) -> RetriedMany:
        """Queue dead jobs again: those given, those of a class, or all that may run.

        In slices, oldest first, so that no transaction holds thousands of locks; for as long as one request may take.
        """
        clock = asyncio.get_running_loop().time
        enough = clock() + self._retry_many_seconds
        wanted: tuple[object, ...] = (caller.tenant_id, list(ids) if ids is not None else None, error_code)
        behind: tuple[object, ...] = (None, None, None)
        retried = 0
        while found := await self._meant(caller, *wanted, *behind):
            retried += await self._retry_slice(caller, [row["id"] for row in found])
            last = found[-1]
            behind = (last["asked_at"], last["created_at"], last["id"])
            if len(found) < _RETRY_SLICE:
                break
            if clock() >= enough:
                return RetriedMany(retried, await self._left(caller, *wanted, *behind))
        return RetriedMany(retried)

    async def _meant(self, caller: Caller, *arguments: object) -> list[Record]:
        async def work(connection: Connection) -> list[Record]:
            return await connection.fetch(queries("failed_jobs")["meant"], *arguments, _RETRY_SLICE)

        return await self._database.run(work, caller.tenant_id)

    async def _left(self, caller: Caller, *arguments: object) -> int:
        async def work(connection: Connection) -> int:
            return int(await connection.fetchval(queries("failed_jobs")["meant_still"], *arguments))

        return await self._database.run(work, caller.tenant_id)

    async def _retry_slice(self, caller: Caller, job_ids: Sequence[UUID]) -> int:
        before = _Before()

        async def work(connection: Connection) -> int:
            family = await lock_family(connection, job_ids)
            if done := before.retried(family):
                return len(done)
            done = await retry_locked(connection, family, job_ids)
            await audit(connection, caller, "job.retry_many", len(done))
            before.note_retried(family, done)
            return len(done)

        return await self._database.run(work, caller.tenant_id)

    async def rerun(self, *, caller: Caller, job_id: UUID) -> UUID:
        """A new run of the same type, payload and settings.

        Raises:
            NotFoundError: no such job, or its source is gone.
            ConflictError: a page is not a run.
        """
        run_id = new_id()

        async def work(connection: Connection) -> UUID:
            family, job = await self._locked(connection, caller, job_id)
            if await self._is_there(connection, caller, run_id):
                return run_id
            if not family.source_is_live(job):
                raise NotFoundError("job")
            if job["parent_id"] is not None or job["type"] not in {"crawler", "upload"}:
                raise ConflictError("Only crawls and uploads can be run again: choose the run of this job.")
            if job["type"] == "upload" and job["reason"] == Reason.DUPLICATE:
                raise ConflictError("The bytes of this upload were there already, so they were not kept.")
            await self._repeat(connection, caller, job, run_id)
            await audit(connection, caller, "job.rerun", job_id, run_id=str(run_id))
            return run_id

        return await self._database.run(work, caller.tenant_id)

    async def delete_job(self, *, caller: Caller, job_id: UUID) -> None:
        """Remove a finished run, its pages, log lines and dead letters; its content stays.

        Raises:
            NotFoundError: no such job.
            JobActiveError: it is still queued or running.
            ConflictError: a page is removed with its run.
        """
        before = _Before()

        async def work(connection: Connection) -> None:
            if before.tried and not await connection.fetchrow(
                queries("jobs")["of_tenant"], job_id, caller.tenant_id
            ):
                return
            _, job = await self._locked(connection, caller, job_id)
            if job["parent_id"] is not None:
                raise ConflictError("A page is removed with its run: delete that.")
            if job["status"] not in TERMINAL:
                raise JobActiveError("This job is active: cancel it first.")
            gone = Counter(
                row["status"] for row in await connection.fetch(queries("jobs")["remove_of_root"], job_id)
            )
            await connection.execute(queries("held_pages")["drop_of_runs"], [job_id])
            await note_removed(connection, caller.tenant_id, gone)
            await audit(connection, caller, "job.delete", job_id)
            before.tried = True

        await self._database.run(work, caller.tenant_id)

    async def delete_source(self, *, caller: Caller, source_id: UUID, force: bool) -> None:
        """Hide a source from search at once and have it removed.

        Raises:
            NotFoundError: no such live source.
            IngestInProgressError: a run of it is active, and ``force`` is not given.
        """
        before = _Before()

        async def work(connection: Connection) -> None:
            source = await connection.fetchrow(queries("sources")["lock_live"], source_id, caller.tenant_id)
            if source is None and before.tried:
                return
            if source is None:
                raise NotFoundError("source")
            runs = [
                row["id"] for row in await connection.fetch(queries("jobs")["open_runs_of_source"], source_id)
            ]
            if runs and not force:
                raise IngestInProgressError(runs[0])
            # Marked before its runs end, so that nothing that they trigger takes it for live.
            await connection.execute(queries("sources")["mark_deleting"], source_id)
            if runs:
                family = await lock_family(connection, runs)
                await self._cancel_runs(connection, family, runs)
            await audit(connection, caller, "source.delete", source_id)
            before.tried = True

        await self._database.run(work, caller.tenant_id)

    async def activate(self, *, caller: Caller, document_id: UUID, version_id: UUID) -> UUID:
        """Serve an earlier kept version again; what is missing of it is indexed first.

        Raises:
            NotFoundError: no such document or kept version.
            AlreadyActiveError: it is being served.
        """
        run_id = new_id()

        async def work(connection: Connection) -> UUID:
            arguments = (version_id, document_id, caller.tenant_id)
            if await self._is_there(connection, caller, run_id):
                return run_id
            version = await connection.fetchrow(queries("document_versions")["kept"], *arguments)
            if version is None:
                raise NotFoundError("version")
            source = await connection.fetchrow(
                queries("sources")["lock_live"], version["source_id"], caller.tenant_id
            )
            version = await connection.fetchrow(queries("document_versions")["kept"], *arguments)
            if source is None or version is None:
                raise NotFoundError("version")
            if version["is_active"]:
                raise AlreadyActiveError("This version is being served already.")
            await add_job(
                connection,
                caller,
                id=run_id,
                root_id=run_id,
                source_id=version["source_id"],
                document_id=document_id,
                version_id=version_id,
                type="activate",
                payload={"document_id": str(document_id), "version_id": str(version_id)},
            )
            await audit(connection, caller, "document.activate", document_id, version_id=str(version_id))
            return run_id

        return await self._database.run(work, caller.tenant_id)

    @staticmethod
    async def _is_there(connection: Connection, caller: Caller, run_id: UUID) -> bool:
        """Whether an earlier try has made this run: it was committed, only its answer was lost."""
        found = await connection.fetchrow(queries("jobs")["of_tenant"], run_id, caller.tenant_id)
        return found is not None

    async def _locked(self, connection: Connection, caller: Caller, job_id: UUID) -> tuple[Family, Record]:
        found = await connection.fetchrow(queries("jobs")["of_tenant"], job_id, caller.tenant_id)
        if found is None:
            raise NotFoundError("job")
        family = await lock_family(connection, [job_id])
        job = family.jobs.get(job_id)
        if job is None:
            raise NotFoundError("job")
        return family, job

    async def _cancel_runs(self, connection: Connection, family: Family, run_ids: Sequence[UUID]) -> None:
        """The runs first, so that ending their pages finds nothing to close."""
        crawls = [key for key in run_ids if family.roots[key]["type"] == "crawler"]
        open_jobs = [
            row["id"] for row in await connection.fetch(queries("jobs")["open_of_runs"], list(run_ids))
        ]
        await finish_jobs(
            connection,
            [Ending(job_id=key, status=JobStatus.CANCELLED) for key in open_jobs if key in run_ids],
            limits=self._prune_limits,
        )
        pages = [key for key in open_jobs if key not in run_ids]
        if pages:
            await cancel_jobs(connection, pages, limits=self._prune_limits)
        await close_runs(connection, crawls, limits=self._prune_limits)

    async def _repeat(self, connection: Connection, caller: Caller, job: Record, run_id: UUID) -> None:
        columns = {"source_id": job["source_id"], "payload": job["payload"], "config": job["config"]}
        if job["type"] == "upload":
            await add_job(
                connection,
                caller,
                id=run_id,
                root_id=run_id,
                document_id=job["document_id"],
                type="upload",
                handler="file",
                lane="interactive",
                bytes_sha256=job["bytes_sha256"],
                max_attempts=self._max_attempts,
                **columns,
            )
            return
        await add_job(connection, caller, id=run_id, root_id=run_id, type="crawler", total=1, **columns)
        seed = await connection.fetchrow(queries("jobs")["seed_of"], job["id"])
        if seed is None:
            raise NotFoundError("seed page")
        await add_job(
            connection,
            caller,
            id=new_id(),
            parent_id=run_id,
            root_id=run_id,
            source_id=job["source_id"],
            type="page",
            handler="web",
            host=seed["host"],
            url_key=seed["url_key"],
            depth=0,
            is_seed=True,
            max_attempts=self._max_attempts,
            payload=seed["payload"] | {"run_id": str(run_id)},
        )


async def note_removed(connection: Connection, tenant_id: UUID, gone: Counter[str]) -> None:
    """Job rows were removed on purpose: the ledger goes on counting them."""
    if gone:
        names = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SKIPPED)
        await connection.execute(queries("ledger")["remove"], tenant_id, *(gone[name] for name in names))
