"""Taking back jobs that lost their owner or their result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.errors import ErrorCode
from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.transitions import Ending, add_log_lines, finish_jobs
from shared.reclaims import DEADLINE, OWNER, RESULT, LostFacts, LostTooOften, QueueAgain, judge_lost
from shared.retry import GiveUp, decide
from shared.states import JobStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection, Database
    from shared.postgres.locks import Family
    from shared.reclaims import ReclaimLimits
    from shared.retry import RetryPolicy
    from shared.verdicts import PruneLimits

_SENTENCES = {
    OWNER: "The worker that was on it was lost {times} times. Retry it; if that fails too, it may be too much for a worker.",
    DEADLINE: "It took longer than QUERN_JOB_DEADLINE_SECONDS {times} times. Retry it, or raise that limit.",
    RESULT: "Its result was lost {times} times before it was stored. Retry it, and look at the consumers' logs.",
}
_AGAIN = {
    OWNER: "the worker was lost: queued again",
    DEADLINE: "the deadline has passed: queued again",
    RESULT: "the result was lost: queued again",
}


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What was taken back: queued again by cause, failed for good by cause, cancelled with their source.

    Attributes:
        endings: ``(type, status)`` of those that ended.
    """

    queued: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    endings: list[tuple[str, str]] = field(default_factory=list)


class PostgresReclaims:
    """Finds lost jobs and decides about each under its locks."""

    def __init__(
        self,
        *,
        database: Database,
        limits: ReclaimLimits,
        policy: RetryPolicy,
        patience_seconds: float,
        jitter: Callable[[], float],
        prune_limits: PruneLimits,
    ) -> None:
        """``patience_seconds`` is how long a consumer must have been there before a result counts as lost."""
        self._database = database
        self._limits = limits
        self._policy = policy
        self._patience_seconds = patience_seconds
        self._jitter = jitter
        self._prune_limits = prune_limits

    async def reclaim(self, *, at_most: int) -> Reclaimed:
        """Take back up to ``at_most`` jobs in one transaction."""

        async def work(connection: Connection) -> Reclaimed:
            rows = await connection.fetch(queries("jobs")["lost"], at_most, self._patience_seconds)
            if not rows:
                return Reclaimed()
            family = await lock_family(connection, [row["id"] for row in rows])
            # Under the locks: its worker may have come back, its result may have arrived.
            facts = await connection.fetch(queries("jobs")["lost_facts"], list(family.jobs))
            return await self._act(connection, family, facts)

        return await self._database.run(work)

    async def _act(self, connection: Connection, family: Family, facts: Sequence[Record]) -> Reclaimed:
        done = Reclaimed()
        again: list[tuple[UUID, QueueAgain]] = []
        endings: list[Ending] = []
        for row in facts:
            job = family.jobs[row["id"]]
            if not family.source_is_live(job):
                endings.append(Ending(job_id=job["id"], status=JobStatus.CANCELLED))
                continue
            verdict = judge_lost(_facts(job, row), self._limits, jitter=self._jitter())
            if isinstance(verdict, QueueAgain):
                again.append((job["id"], verdict))
                done.queued[verdict.cause] += 1
            elif isinstance(verdict, LostTooOften):
                endings.append(self._failure(job, verdict))
                done.failed[verdict.cause] += 1
        await self._queue_again(connection, again)
        ended = await finish_jobs(connection, endings, limits=self._prune_limits)
        lines: list[tuple[UUID, str, str, dict[str, Any]]] = [
            (key, "warning", _AGAIN[verdict.cause], {"after_seconds": round(verdict.after_seconds, 1)})
            for key, verdict in again
        ]
        lines += [
            (e.job_id, "error", e.error, {"error_code": e.error_code}) for e in endings if e.error is not None
        ]
        await add_log_lines(connection, lines)
        return Reclaimed(
            done.queued,
            done.failed,
            sum(e.status == JobStatus.CANCELLED for e in endings),
            [(row["type"], row["status"]) for row in ended],
        )

    def _failure(self, job: Record, verdict: LostTooOften) -> Ending:
        later = decide(
            self._policy,
            retryable=True,
            attempt=job["max_attempts"],
            max_attempts=job["max_attempts"],
            retries=job["retries"],
            retry_after_seconds=None,
            jitter=0.0,
        )
        return Ending(
            job_id=job["id"],
            status=JobStatus.FAILED,
            error_code=ErrorCode.LEASE_LOST,
            error=_SENTENCES[verdict.cause].format(times=verdict.times),
            retryable=True,
            dead_retry_after_seconds=later.dead_retry_after_seconds if isinstance(later, GiveUp) else None,
        )

    async def _queue_again(self, connection: Connection, again: Sequence[tuple[UUID, QueueAgain]]) -> None:
        if not again:
            return
        await connection.execute(
            queries("jobs")["try_again"],
            [key for key, _ in again],
            [0 for _ in again],
            [int(verdict.counts) for _, verdict in again],
            [verdict.after_seconds for _, verdict in again],
            [None for _ in again],
            [None for _ in again],
            [None for _ in again],
        )
        lost_results = [key for key, verdict in again if not verdict.counts]
        if lost_results:
            await connection.execute(queries("jobs")["note_lost_results"], lost_results)


def _facts(job: Record, row: Record) -> LostFacts:
    return LostFacts(
        stage=Stage(row["stage"]),
        owner_lost=row["owner_lost"],
        deadline_passed=bool(row["deadline_passed"]),
        reclaims=job["reclaims"],
        lost_results=job["stats"].get("lost_results", 0),
        retries=job["retries"],
    )
