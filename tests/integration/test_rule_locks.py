"""The lock order: sources, then runs, then their pages, then documents, each in id order.

Each test holds one row, lets something else come until it waits for that row, and then takes what comes later in the
order: whoever waits for the one must hold none of the other, or the two would wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from shared.errors import ErrorCode
from shared.postgres.claims import Ticket
from shared.postgres.upkeep_jobs import PostgresJobUpkeep
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.reclaims import ReclaimLimits
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.pipeline import CALLER, Pipeline
from support.waiting import held, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from shared.postgres.claims import Claim

LEAF: Final = "https://site.test/leaf"


@dataclass
class Crawl:
    """A crawl whose page ``leaf`` is claimed, and what is done next."""

    pipeline: Pipeline
    source_id: UUID
    root_id: UUID
    page: Claim

    @property
    def page_id(self) -> UUID:
        return self.page.ticket.job_id

    async def fail(self) -> None:
        await self.pipeline.store(
            self.pipeline.failure(self.page, ErrorCode.HTTP_ERROR, retryable=False, http_status=500)
        )

    async def stage(self) -> None:
        await self.pipeline.store(self.pipeline.page(self.page, "leaf"))


async def crawl(pipeline: Pipeline) -> Crawl:
    accepted = await pipeline.add_site()
    (seed,) = await pipeline.work()
    stored = await pipeline.store(pipeline.page(seed, "home", [LEAF]))
    await pipeline.index(stored.indexing)
    (leaf,) = await pipeline.work()
    return Crawl(pipeline, accepted.source_id, accepted.run_id, leaf)


async def store(made: Crawl) -> Awaitable[Any]:
    return made.stage()


async def activate(made: Crawl) -> Awaitable[Any]:
    await made.stage()
    chunks = await made.pipeline.indexing.to_index([made.page_id], at_most=10)
    batch = await made.pipeline.indexing.open_batch(chunks)
    await made.pipeline.indexing.close_batch(batch.batch_id, verified=True)
    return made.pipeline.indexing.activate([made.page_id])


async def refuse_to_index(made: Crawl) -> Awaitable[Any]:
    await made.stage()
    return made.pipeline.indexing.fail(
        [made.page_id], error_code="internal_error", sentence="No.", retryable=False
    )


async def cancel_the_run(made: Crawl) -> Awaitable[Any]:
    return made.pipeline.intake.cancel(caller=CALLER, job_id=made.root_id)


async def cancel_the_page(made: Crawl) -> Awaitable[Any]:
    return made.pipeline.intake.cancel(caller=CALLER, job_id=made.page_id)


async def retry(made: Crawl) -> Awaitable[Any]:
    await made.fail()
    return made.pipeline.intake.retry(caller=CALLER, job_id=made.page_id)


async def retry_all(made: Crawl) -> Awaitable[Any]:
    await made.fail()
    return made.pipeline.intake.retry_many(caller=CALLER)


async def retry_what_is_due(made: Crawl) -> Awaitable[Any]:
    await made.fail()
    await made.pipeline.rows("UPDATE failed_jobs SET next_retry_at = now()")
    return PostgresJobUpkeep(database=made.pipeline.database, prune_limits=USUAL_PRUNE_LIMITS).retry_due(
        at_most=10
    )


async def delete_the_source(made: Crawl) -> Awaitable[Any]:
    return made.pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)


async def reclaim(made: Crawl) -> Awaitable[Any]:
    await made.pipeline.rows(
        "UPDATE jobs SET deadline_at = now() - interval '1 second' WHERE stage = 'claimed'"
    )
    reclaims = PostgresReclaims(
        database=made.pipeline.database,
        limits=ReclaimLimits(max_reclaims=5, max_lost_results=5, base_seconds=0),
        policy=made.pipeline.policy,
        patience_seconds=1,
        jitter=lambda: 0.0,
        prune_limits=USUAL_PRUNE_LIMITS,
    )
    return reclaims.reclaim(at_most=10)


STEPS = [
    store,
    activate,
    refuse_to_index,
    cancel_the_run,
    cancel_the_page,
    retry,
    retry_all,
    retry_what_is_due,
    delete_the_source,
    reclaim,
]


@pytest.mark.parametrize("step", STEPS)
async def test_who_waits_for_a_source_holds_neither_its_run_nor_a_page(
    pipeline: Pipeline, step: Callable[[Crawl], Awaitable[Awaitable[Any]]]
) -> None:
    made = await crawl(pipeline)
    async with held(pipeline, "sources", made.source_id, meanwhile=await step(made)) as other:
        await take(other, "jobs", made.root_id, made.page_id)


@pytest.mark.parametrize("step", STEPS)
async def test_who_waits_for_a_run_holds_none_of_its_pages(
    pipeline: Pipeline, step: Callable[[Crawl], Awaitable[Awaitable[Any]]]
) -> None:
    made = await crawl(pipeline)
    async with held(pipeline, "jobs", made.root_id, meanwhile=await step(made)) as other:
        await take(other, "jobs", made.page_id)


async def test_who_waits_for_a_job_holds_no_document(pipeline: Pipeline) -> None:
    made = await crawl(pipeline)
    activating = await activate(made)
    document = await pipeline.value("SELECT document_id FROM jobs WHERE id = $1", made.page_id)
    async with held(pipeline, "jobs", made.page_id, meanwhile=activating) as other:
        await take(other, "documents", document)


async def test_who_waits_for_a_document_has_changed_nothing_of_it(pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("a.md", b"1")
    for text in ("one", "two"):
        await pipeline.upload("a.md", text.encode())
    for text in ("0", "one"):
        (claim,) = await pipeline.work()
        await pipeline.index((await pipeline.store(pipeline.file(claim, text))).indexing)
    (claim,) = await pipeline.work()
    (job_id,) = (await pipeline.store(pipeline.file(claim, "two"))).indexing
    batch = await pipeline.indexing.open_batch(await pipeline.indexing.to_index([job_id], at_most=10))
    await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    activating = pipeline.indexing.activate([job_id])
    async with held(pipeline, "documents", accepted.document_id, meanwhile=activating) as other:
        await other.execute("SELECT 1 FROM objects WHERE state = 'active' FOR NO KEY UPDATE NOWAIT")


async def two_pages(pipeline: Pipeline) -> list[Claim]:
    """Two claimed pages of one run, in the order of their ids."""
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", ["https://site.test/a", "https://site.test/b"]))
    return sorted(await pipeline.work(), key=lambda claim: claim.ticket.job_id)


async def announce_both(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    await pipeline.claims.hand_back([claim.ticket for claim in claims], after_seconds=0)
    return pipeline.windows.announce_waiting()


async def store_both(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    return pipeline.store(*(pipeline.page(claim, "words") for claim in reversed(claims)))


async def deliver_both(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    return pipeline.claims.delivered([claim.ticket for claim in reversed(claims)])


async def hand_both_back(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    return pipeline.claims.hand_back([claim.ticket for claim in reversed(claims)], after_seconds=0)


async def unannounce_both(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    await pipeline.claims.hand_back([claim.ticket for claim in claims], after_seconds=0)
    return pipeline.windows.unannounce(list(reversed(await pipeline.windows.announce_waiting())))


async def claim_both(pipeline: Pipeline, claims: list[Claim]) -> Awaitable[Any]:
    await pipeline.claims.hand_back([claim.ticket for claim in claims], after_seconds=0)
    messages = reversed(await pipeline.windows.announce_waiting())
    return pipeline.claims.claim([Ticket(message.job_id, message.epoch) for message in messages])


@pytest.mark.parametrize(
    "step", [store_both, deliver_both, hand_both_back, announce_both, unannounce_both, claim_both]
)
async def test_jobs_are_locked_in_the_order_of_their_ids(
    pipeline: Pipeline, step: Callable[[Pipeline, list[Claim]], Awaitable[Awaitable[Any]]]
) -> None:
    claims = await two_pages(pipeline)
    first, second = (claim.ticket.job_id for claim in claims)
    locking = await step(pipeline, claims)
    # The rows lie the other way round, so that no scan comes upon them in order by chance.
    for job_id in (second, first):
        await pipeline.rows("UPDATE jobs SET updated_at = now() WHERE id = $1", job_id)
    async with held(pipeline, "jobs", first, meanwhile=locking) as other:
        await take(other, "jobs", second)


async def test_who_waits_for_a_source_to_serve_an_earlier_version_holds_no_adopted_job(
    pipeline: Pipeline,
) -> None:
    accepted = await pipeline.upload("a.md", b"1")
    for text in ("1", "2"):
        await pipeline.upload("a.md", text.encode())
    earlier = None
    while claims := await pipeline.work():
        for claim in claims:
            stored = await pipeline.store(pipeline.file(claim, claim.payload["sha256"]))
            await pipeline.index(stored.indexing)
            earlier = earlier or await pipeline.value("SELECT id FROM document_versions WHERE is_active")
    await pipeline.upload("orphan.md", b"o")
    (claim,) = await pipeline.work()
    (orphan,) = (await pipeline.store(pipeline.file(claim, "orphan"))).indexing
    assert earlier is not None
    run_id = await pipeline.intake.activate(
        caller=CALLER, document_id=accepted.document_id, version_id=earlier
    )
    heir = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await heir.beat("result-consumer", heir.consumer_id)
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    adopted: list[UUID] = []

    async def adopting() -> None:
        adopted.extend(await heir.indexing.adopt(at_most=10))

    async with held(pipeline, "sources", accepted.source_id, meanwhile=adopting()) as other:
        await take(other, "jobs", orphan)
    # What somebody holds is not waited for: it is adopted at the next look.
    assert run_id in adopted
    adopted.extend(await heir.indexing.adopt(at_most=10, known=adopted))
    assert sorted(adopted) == sorted([run_id, orphan])
