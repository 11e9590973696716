"""Errands: jobs that a janitor does step by step from their rows. Each write is guarded by the epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from shared.contracts.errands import Errand, Progress
from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.transitions import Ending, add_log_lines, finish_jobs
from shared.retry import TryAgain, decide
from shared.states import ErrandType, JobStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    from asyncpg import Record

    from shared.errors import WorkError
    from shared.postgres.database import Connection, Database
    from shared.postgres.locks import Family
    from shared.retry import RetryPolicy
    from shared.verdicts import PruneLimits

_STARTED: Final = "started"


class PostgresErrands:
    """The errands of one process."""

    def __init__(
        self,
        *,
        database: Database,
        worker_id: UUID,
        deadline_seconds: float,
        policy: RetryPolicy,
        jitter: Callable[[], float],
        prune_limits: PruneLimits,
    ) -> None:
        """``deadline_seconds`` is how long an errand may go without progress."""
        self._database = database
        self._worker_id = worker_id
        self._deadline_seconds = deadline_seconds
        self._policy = policy
        self._jitter = jitter
        self._prune_limits = prune_limits

    async def take(self, *, known: Collection[UUID]) -> Errand | None:
        """The next errand, which is this process's then; None where none is due. ``known`` are those it has."""

        async def work(connection: Connection) -> Errand | None:
            row = await connection.fetchrow(
                queries("errands")["take"], self._worker_id, list(known), self._deadline_seconds
            )
            if row is None:
                return None
            await add_log_lines(connection, [(row["id"], "info", _STARTED, {"attempt": row["attempt"]})])
            return _errand(row)

        return await self._database.run(work)

    async def any_waits(self) -> bool:
        """Whether one waits for somebody who has time."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetchval(queries("errands")["any_waits"]))

        return await self._database.run(work)

    async def hand_back(self, errand: Errand, *, after_seconds: float = 0.0) -> None:
        """Queue it again, due after so many seconds: no attempt is spent."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("jobs")["hand_back"], self._worker_id, [errand.id], [errand.epoch], after_seconds
            )

        await self._database.run(work)

    async def advance(
        self, errand: Errand, *, line: str | None = None, level: str = "info", **fields: Any
    ) -> bool:
        """Note how far it is, with a line in its log; False where it is not this process's any more."""

        async def work(connection: Connection) -> bool:
            if await self.hold(connection, errand) is None:
                return False
            await self.note(connection, errand)
            if line is not None:
                await add_log_lines(connection, [(errand.id, level, line, fields)])
            return True

        return await self._database.run(work)

    async def succeed(self, errand: Errand) -> bool:
        """It is done; False where it was not this process's any more."""
        return await self._end(
            errand, Ending(job_id=errand.id, status=JobStatus.SUCCEEDED), "info", "succeeded"
        )

    async def fail(self, errand: Errand, error: WorkError) -> JobStatus | None:
        """This try has failed: queued again, or failed for good. None where it was not this process's any more."""
        verdict = decide(
            self._policy,
            retryable=error.retryable,
            attempt=errand.attempt,
            max_attempts=errand.max_attempts,
            retries=errand.retries,
            retry_after_seconds=error.retry_after_seconds,
            jitter=self._jitter(),
        )
        if isinstance(verdict, TryAgain):
            again = await self._again(errand, error, verdict.after_seconds)
            return JobStatus.QUEUED if again else None
        ending = Ending(
            job_id=errand.id,
            status=JobStatus.FAILED,
            error_code=error.code,
            error=error.sentence,
            http_status=error.http_status,
            retryable=error.retryable,
        )
        ended = await self._end(errand, ending, "error", error.sentence, error_code=error.code)
        return JobStatus.FAILED if ended else None

    async def hold(self, connection: Connection, errand: Errand) -> Errand | None:
        """Lock this try inside a transaction; as it stands there, None where it is over or another's."""
        row = await connection.fetchrow(queries("errands")["hold"], errand.id, errand.epoch, self._worker_id)
        return None if row is None else replace(errand, stats=row["stats"], progress=_progress(row))

    def _is_mine(self, job: Record | None, errand: Errand) -> bool:
        return (
            job is not None
            and job["epoch"] == errand.epoch
            and job["worker_id"] == self._worker_id
            and job["status"] == JobStatus.RUNNING
            and job["stage"] == Stage.CLAIMED
        )

    async def note(self, connection: Connection, errand: Errand) -> None:
        """Write down how far it is, under its lock."""
        progress = errand.progress
        await connection.execute(
            queries("errands")["progress"],
            errand.id,
            progress.total,
            progress.succeeded,
            progress.failed,
            progress.skipped,
            errand.stats,
            errand.attempt,
            self._deadline_seconds,
        )

    async def _locked(self, connection: Connection, errand: Errand) -> Family | None:
        family = await lock_family(connection, [errand.id])
        return family if self._is_mine(family.jobs.get(errand.id), errand) else None

    async def _end(self, errand: Errand, ending: Ending, level: str, line: str, **fields: Any) -> bool:
        async def work(connection: Connection) -> bool:
            if await self._locked(connection, errand) is None:
                return False
            await self.note(connection, errand)
            await finish_jobs(connection, [ending], limits=self._prune_limits)
            await add_log_lines(connection, [(errand.id, level, line, fields)])
            return True

        return await self._database.run(work)

    async def _again(self, errand: Errand, error: WorkError, after_seconds: float) -> bool:
        async def work(connection: Connection) -> bool:
            if await self._locked(connection, errand) is None:
                return False
            await self.note(connection, errand)
            await connection.execute(
                queries("jobs")["try_again"],
                [errand.id],
                [1],
                [0],
                [after_seconds],
                [error.code],
                [error.sentence],
                [error.http_status],
            )
            fields = {"error_code": error.code, "after_seconds": round(after_seconds, 1)}
            await add_log_lines(connection, [(errand.id, "warning", error.sentence, fields)])
            return True

        return await self._database.run(work)


def _errand(row: Record) -> Errand:
    return Errand(
        id=row["id"],
        epoch=row["epoch"],
        tenant_id=row["tenant_id"],
        type=ErrandType(row["type"]),
        source_id=row["source_id"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        retries=row["retries"],
        request_id=row["request_id"] or "",
        payload=row["payload"],
        stats=row["stats"],
        progress=_progress(row),
    )


def _progress(row: Record) -> Progress:
    return Progress(
        total=row["total"], succeeded=row["succeeded"], failed=row["failed"], skipped=row["skipped"]
    )
