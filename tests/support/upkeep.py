"""What the janitor does to jobs, over a test's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janitor.tasks.reclaim_lost import ReclaimLost
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.reclaims import ReclaimLimits
from shared.retry import RetryPolicy
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from support.pipeline import Pipeline

POLICY = RetryPolicy(base_seconds=0.0, dead_base_seconds=60.0, dead_retries_max=3)


def reclaim_lost(pipeline: Pipeline, *, max_reclaims: int = 2, max_lost_results: int = 2) -> ReclaimLost:
    limits = ReclaimLimits(max_reclaims=max_reclaims, max_lost_results=max_lost_results, base_seconds=0.0)
    reclaims = PostgresReclaims(
        database=pipeline.database,
        limits=limits,
        policy=POLICY,
        patience_seconds=30.0,
        jitter=lambda: 0.0,
        prune_limits=USUAL_PRUNE_LIMITS,
    )
    return ReclaimLost(reclaims=reclaims, at_once=100, slices=5, settled=lambda: True)


async def one_job(pipeline: Pipeline, job_id: UUID) -> Record:
    return (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", job_id))[0]
