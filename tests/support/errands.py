"""A janitor's errands over a test's database, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from janitor.core.steps import Complete, Lost, More
from janitor.usecases.clean_up import CleanUp
from janitor.usecases.reembed import Reembed
from janitor.usecases.summarise import Summarise
from shared.clock import new_id
from shared.postgres.cleanup import PostgresErrandCleanup
from shared.postgres.errands import PostgresErrands
from shared.postgres.rebuilds import PostgresErrandRebuilds
from shared.postgres.summaries import PostgresSummaries
from shared.retry import RetryPolicy
from shared.states import ErrandType
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.pipeline import CALLER

if TYPE_CHECKING:
    from uuid import UUID

    from janitor.core.steps import Step
    from janitor.ports import ErrandWork, SummaryWriter
    from shared.contracts.errands import Errand
    from support.pipeline import Pipeline

POLICY = RetryPolicy(base_seconds=0.0, dead_base_seconds=0.0, dead_retries_max=0)
DAY_SECONDS = 86_400.0


class Errands:
    """One janitor, alive from the first ``come`` on."""

    def __init__(
        self, pipeline: Pipeline, *, min_age_seconds: float = 0.0, writer: SummaryWriter | None = None
    ) -> None:
        self.pipeline = pipeline
        self.janitor_id = new_id()
        self.rows = PostgresErrands(
            database=pipeline.database,
            worker_id=self.janitor_id,
            deadline_seconds=60.0,
            policy=POLICY,
            jitter=lambda: 0.0,
            prune_limits=USUAL_PRUNE_LIMITS,
        )
        self.works: dict[ErrandType, ErrandWork] = {
            ErrandType.CLEANUP: CleanUp(
                rows=PostgresErrandCleanup(database=pipeline.database, errands=self.rows),
                errands=self.rows,
                min_age_seconds=min_age_seconds,
                at_once=2,
            ),
            ErrandType.SUMMARIZER: Summarise(
                rows=PostgresSummaries(database=pipeline.database, errands=self.rows, characters=20_000),
                errands=self.rows,
                writer=writer,
            ),
            ErrandType.REEMBED: Reembed(
                rebuilds=PostgresErrandRebuilds(database=pipeline.database, errands=self.rows),
                errands=self.rows,
                every_seconds=0.0,
            ),
        }

    async def come(self) -> None:
        """Give a sign of life."""
        await self.pipeline.beat("janitor", self.janitor_id)

    async def go(self) -> None:
        """Die without a word: the lease has lapsed."""
        await self.pipeline.rows(
            "UPDATE workers SET lease_until = now() - interval '1 second' WHERE id = $1", self.janitor_id
        )

    async def take(self, *known: UUID) -> Errand:
        """The next errand beside those that it has, which must be there."""
        await self.come()
        errand = await self.rows.take(known=known)
        assert errand is not None
        return errand

    async def step(self, errand: Errand) -> Step:
        return await self.works[errand.type].step(errand)

    async def finish(self, errand: Errand) -> None:
        """All that is left of it."""
        for _ in range(1000):
            match await self.step(errand):
                case More(errand):
                    continue
                case Complete(errand):
                    assert await self.rows.succeed(errand)
                    return
                case Lost():
                    raise AssertionError("the errand is another's")
        raise AssertionError("the errand does not end")

    async def run(self, kind: ErrandType, payload: dict[str, Any]) -> UUID:
        """Start one and do it."""
        job_id = await self.start(kind, payload)
        await self.finish(await self.take())
        return job_id

    async def start(self, kind: ErrandType, payload: dict[str, Any]) -> UUID:
        return await self.pipeline.intake.start_errand(caller=CALLER, kind=kind, payload=payload)


def cleanup(*statuses: str, days: float = 30.0, dry_run: bool = False) -> dict[str, Any]:
    """The payload of a cleanup."""
    return {
        "age_threshold_days": days,
        "status_filter": list(statuses or ("succeeded",)),
        "dry_run": dry_run,
    }
