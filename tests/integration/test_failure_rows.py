"""However a unit of work fails, it has one row among the failed ones, and that row replays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from janitor.tasks.reclaim_lost import ReclaimLost
from result_consumer.handler import ResultHandler
from shared.contracts.messages import ResultMessage, encode
from shared.errors import ErrorCode
from shared.observability.families import REGISTRY
from shared.outcome import Done
from shared.postgres.acceptance import Seed
from shared.postgres.steering import RetriedMany
from shared.postgres.upkeep_jobs import PostgresJobUpkeep, Retried
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.queue.ports import Delivery
from shared.reclaims import ReclaimLimits
from shared.retry import RetryPolicy
from shared.states import Handler
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from asyncpg import Record

    from shared.postgres.claims import Claim
    from support.databases import Database

    Way = Callable[[Pipeline, Claim], Awaitable[None]]

ATTEMPTS: Final = 3
DEAD_RETRY_SECONDS: Final = 60.0
POLICY: Final = RetryPolicy(base_seconds=0.0, dead_base_seconds=DEAD_RETRY_SECONDS, dead_retries_max=3)
SECRETS: Final = {"Authorization": "Bearer hunter2"}

#: Each code with whether it is retryable: both, where that depends on what happened.
FAILURES: Final = [
    (ErrorCode.UNREACHABLE, True),
    (ErrorCode.UNREACHABLE, False),
    (ErrorCode.TIMEOUT, True),
    (ErrorCode.TLS_ERROR, True),
    (ErrorCode.TLS_ERROR, False),
    (ErrorCode.HTTP_ERROR, True),
    (ErrorCode.HTTP_ERROR, False),
    (ErrorCode.RATE_LIMITED, True),
    (ErrorCode.TOO_MANY_REDIRECTS, False),
    (ErrorCode.BLOCKED_ADDRESS, False),
    (ErrorCode.ROBOTS_DISALLOWED, False),
    (ErrorCode.ROBOTS_UNAVAILABLE, True),
    (ErrorCode.TOO_LARGE, False),
    (ErrorCode.UNSUPPORTED_TYPE, False),
    (ErrorCode.EMPTY_CONTENT, False),
    (ErrorCode.ENCRYPTED, False),
    (ErrorCode.CORRUPT_FILE, False),
    (ErrorCode.PARSER_TIMEOUT, False),
    (ErrorCode.PARSER_CRASHED, True),
    (ErrorCode.PARSER_CRASHED, False),
    (ErrorCode.LEASE_LOST, True),
    (ErrorCode.EMBEDDER_UNAVAILABLE, True),
    (ErrorCode.INTERNAL_ERROR, True),
    (ErrorCode.INTERNAL_ERROR, False),
]


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(database.service_url, policy=POLICY)
    await pipeline.rows("UPDATE workers SET started_at = now() - interval '1 hour'")
    yield pipeline
    await pipeline.close()


async def page_and_file(pipeline: Pipeline) -> None:
    """A crawl of one page with a secret header, and an upload."""
    seed = Seed(
        url="https://site.test/a?b=1", url_key="https://site.test/a?b=1", host="https://site.test:443"
    )
    await pipeline.intake.accept_web(
        caller=CALLER,
        seed=seed,
        name="site.test",
        group_id=None,
        config={"max_depth": 0, "max_pages": 1},
        secret_headers=SECRETS,
    )
    await pipeline.upload("a.md", b"a", title="A title")


async def failed(pipeline: Pipeline) -> list[Record]:
    return await pipeline.rows("SELECT * FROM failed_jobs ORDER BY handler")


async def succeed(pipeline: Pipeline, claims: list[Claim]) -> None:
    """Do the work of these claims, as it should be."""
    for claim in claims:
        make = pipeline.page if claim.handler == Handler.WEB else pipeline.file
        stored = await pipeline.store(make(claim, "words"))
        await pipeline.index(stored.indexing)


async def assert_replayed(pipeline: Pipeline, firsts: list[Claim]) -> None:
    """Those that were queued again are the same work, and this time it succeeds."""
    assert await failed(pipeline) == []
    claims = await pipeline.work()
    assert sorted(str(claim.ticket.job_id) for claim in claims) == sorted(
        str(claim.ticket.job_id) for claim in firsts
    )
    before = {claim.ticket.job_id: claim for claim in firsts}
    for claim in claims:
        first = before[claim.ticket.job_id]
        assert (claim.payload, claim.secret_headers) == (first.payload, first.secret_headers)
        assert claim.ticket.epoch > first.ticket.epoch
    await succeed(pipeline, claims)
    assert await pipeline.value("SELECT array_agg(DISTINCT status) FROM jobs") == ["succeeded"]
    assert await failed(pipeline) == []
    await pipeline.assert_balanced()


@pytest.mark.parametrize(("code", "retryable"), FAILURES)
async def test_what_fails_has_one_row_that_replays_it(
    pipeline: Pipeline, code: ErrorCode, *, retryable: bool
) -> None:
    await page_and_file(pipeline)
    firsts = claims = await pipeline.work()
    attempts = ATTEMPTS if retryable else 1
    for attempt in range(attempts):
        assert len(claims) == 2, f"attempt {attempt}"
        assert await failed(pipeline) == []
        # Heard of twice, it fails once.
        results = [pipeline.failure(claim, code, retryable=retryable) for claim in claims]
        await pipeline.store(*results)
        await pipeline.store(*results)
        claims = await pipeline.work()
    assert claims == []
    rows = await failed(pipeline)
    assert [row["handler"] for row in rows] == ["file", "web"]
    payloads = {claim.ticket.job_id: claim.payload for claim in firsts}
    for row in rows:
        assert row["payload"] == payloads[row["id"]]
        assert (row["error_code"], row["retryable"], row["attempts"]) == (code, retryable, attempts)
        assert row["error"] == "It did not work."
        assert "hunter2" not in str(dict(row))
        assert (row["next_retry_at"] is not None) == retryable
    upkeep = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    assert await upkeep.retry_due(at_most=10) == Retried()
    await pipeline.rows("UPDATE failed_jobs SET next_retry_at = next_retry_at - interval '1 minute'")
    assert await upkeep.retry_due(at_most=10) == Retried(2 if retryable else 0)
    by_hand = RetriedMany(0 if retryable else 2)
    assert await pipeline.intake.retry_many(caller=CALLER, error_code=code) == by_hand
    await assert_replayed(pipeline, firsts)


def test_every_code_is_tried() -> None:
    assert {code for code, _ in FAILURES} == set(ErrorCode)


# Failures that no worker reports


def reclaims(pipeline: Pipeline) -> ReclaimLost:
    limits = ReclaimLimits(max_reclaims=2, max_lost_results=2, base_seconds=0.0)
    rows = PostgresReclaims(
        database=pipeline.database,
        limits=limits,
        policy=POLICY,
        patience_seconds=30.0,
        jitter=lambda: 0.0,
        prune_limits=USUAL_PRUNE_LIMITS,
    )
    return ReclaimLost(reclaims=rows, at_once=100, slices=5, settled=lambda: True)


async def lose_the_worker(pipeline: Pipeline, claim: Claim) -> None:
    await pipeline.rows(
        "UPDATE workers SET lease_until = now() - interval '1 second' WHERE id = $1", pipeline.worker_id
    )
    await reclaims(pipeline).run_once()
    await pipeline.beat("ingest-worker", pipeline.worker_id, slots=8)


async def pass_the_deadline(pipeline: Pipeline, claim: Claim) -> None:
    await pipeline.rows(
        "UPDATE jobs SET deadline_at = now() - interval '1 second' WHERE id = $1", claim.ticket.job_id
    )
    await reclaims(pipeline).run_once()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def lose_the_result(pipeline: Pipeline, claim: Claim) -> None:
    await pipeline.rows("UPDATE jobs SET stage = 'delivered' WHERE id = $1", claim.ticket.job_id)
    await pass_the_deadline(pipeline, claim)


async def deliver_what_postgres_refuses(pipeline: Pipeline, claim: Claim) -> None:
    make = pipeline.page if claim.handler == Handler.WEB else pipeline.file
    result = make(claim, "hunter2\x00")
    handler = ResultHandler(results=pipeline.results, staged=lambda *_: None, finished=lambda: None, batch=10)
    assert await handler.handle(delivery(result)) == Done()


def delivery(result: ResultMessage) -> Delivery:
    return Delivery(
        id="0" * 16,
        body=encode(result),
        attempts=1,
        timestamp_ns=0,
        topic="ingest.result",
        channel="result-consumer",
    )


async def stage(pipeline: Pipeline, claim: Claim) -> None:
    make = pipeline.page if claim.handler == Handler.WEB else pipeline.file
    assert (await pipeline.store(make(claim, "words"))).indexing == [claim.ticket.job_id]


async def give_up_indexing(pipeline: Pipeline, claim: Claim) -> None:
    await stage(pipeline, claim)
    ended = await pipeline.indexing.fail(
        [claim.ticket.job_id],
        error_code=ErrorCode.INTERNAL_ERROR,
        sentence="This document cannot be indexed.",
        retryable=True,
    )
    assert ended == [await pipeline.value("SELECT type FROM jobs WHERE id = $1", claim.ticket.job_id)]


async def lose_the_staged_version(pipeline: Pipeline, claim: Claim) -> None:
    await stage(pipeline, claim)
    await pipeline.rows("UPDATE jobs SET version_id = NULL WHERE id = $1", claim.ticket.job_id)
    activated = await pipeline.indexing.activate([claim.ticket.job_id])
    assert activated.error_codes == [ErrorCode.INTERNAL_ERROR]


#: These two are counted by the indexer, which has tests of its own.
BENEATH_THE_INDEXER: Final = (give_up_indexing, lose_the_staged_version)

WAYS: Final[list[tuple[Way, ErrorCode, int, str]]] = [
    (lose_the_worker, ErrorCode.LEASE_LOST, 3, "The worker that was on it was lost 3 times"),
    (pass_the_deadline, ErrorCode.LEASE_LOST, 3, "longer than QUERN_JOB_DEADLINE_SECONDS 3 times"),
    (lose_the_result, ErrorCode.LEASE_LOST, 3, "Its result was lost 3 times"),
    (deliver_what_postgres_refuses, ErrorCode.INTERNAL_ERROR, 3, "Quern could not store this result"),
    (give_up_indexing, ErrorCode.INTERNAL_ERROR, 1, "This document cannot be indexed."),
    (lose_the_staged_version, ErrorCode.INTERNAL_ERROR, 1, "The staged version is gone"),
]


@pytest.mark.parametrize("handler", list(Handler))
@pytest.mark.parametrize(("way", "code", "times", "sentence"), WAYS, ids=[way.__name__ for way, *_ in WAYS])
async def test_what_no_worker_reports_has_one_row_that_replays_it(
    pipeline: Pipeline, handler: Handler, way: Way, code: ErrorCode, times: int, sentence: str
) -> None:
    if handler == Handler.FILE:
        await pipeline.upload("a.md", b"a")
    else:
        await pipeline.add_site(max_depth=0)
    kind = {"file": "upload", "web": "page"}[handler]
    counters = [
        ("quern_job_failures_total", {"error_code": code.value}),
        ("quern_jobs_finished_total", {"type": kind, "status": "failed"}),
    ]
    before = [counted(name, **labels) for name, labels in counters]
    (claim,) = await pipeline.work()
    await way(pipeline, claim)
    for _ in range(times - 1):
        assert await failed(pipeline) == []
        (claim,) = await pipeline.work()
        await way(pipeline, claim)
    if way not in BENEATH_THE_INDEXER:
        assert [counted(name, **labels) for name, labels in counters] == [count + 1 for count in before]
    (row,) = await failed(pipeline)
    assert (row["id"], row["handler"]) == (claim.ticket.job_id, handler)
    assert row["payload"] == claim.payload
    assert (row["error_code"], row["retryable"]) == (code, True)
    assert sentence in row["error"]
    assert "hunter2" not in row["error"]
    wait = await pipeline.value(
        "SELECT extract(epoch FROM next_retry_at - created_at)::float FROM failed_jobs"
    )
    assert wait == pytest.approx(DEAD_RETRY_SECONDS)
    assert await pipeline.intake.retry(caller=CALLER, job_id=row["id"]) == row["id"]
    await assert_replayed(pipeline, [claim])


# The schedule of those that retry themselves


async def test_each_retry_by_itself_waits_twice_as_long_until_people_are_asked(pipeline: Pipeline) -> None:
    upload = await pipeline.upload("a.md", b"a")
    upkeep = PostgresJobUpkeep(database=pipeline.database, prune_limits=USUAL_PRUNE_LIMITS)
    waits = []
    for _ in range(POLICY.dead_retries_max + 1):
        for _ in range(ATTEMPTS):
            (claim,) = await pipeline.work()
            await pipeline.store(pipeline.failure(claim, ErrorCode.TIMEOUT, retryable=True))
        (row,) = await failed(pipeline)
        due: Any = row["next_retry_at"]
        waits.append(due and (due - row["created_at"]).total_seconds())
        await pipeline.rows("UPDATE failed_jobs SET next_retry_at = now() WHERE next_retry_at IS NOT NULL")
        await upkeep.retry_due(at_most=10)
    assert waits == [60.0, 120.0, 240.0, None]
    (row,) = await failed(pipeline)
    assert (row["retries"], row["retryable"]) == (3, True)
    assert await pipeline.intake.retry(caller=CALLER, job_id=upload.run_id) == upload.run_id
    await succeed(pipeline, await pipeline.work())
    assert await pipeline.value("SELECT status FROM jobs") == "succeeded"
