"""What indexing does with its rows: ownership, slices, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.errors import ErrorCode
from shared.postgres import serving
from shared.postgres.errors import StatementTimeoutError
from shared.postgres.indexing import PostgresIndexing
from shared.postgres.repairs import PostgresRepairs
from shared.retry import RetryPolicy
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, COLLECTION, Pipeline

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection


async def test_a_job_whose_staging_was_committed_unheard_is_gone_on_with(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    lose_first_answer(pipeline.database, monkeypatch)
    stored = await pipeline.store(pipeline.file(claim, "words"))
    assert stored.indexing == []
    assert await pipeline.indexing.adopt(at_most=10) == [upload.run_id]
    assert await pipeline.indexing.adopt(at_most=10, known=[upload.run_id]) == []


async def test_an_adoption_that_was_committed_unheard_counts(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "words"))
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("result-consumer", other.consumer_id)
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    lose_first_answer(pipeline.database, monkeypatch)
    assert await other.indexing.adopt(at_most=10) == [upload.run_id]


async def test_jobs_at_work_do_not_keep_orphans_from_being_adopted(pipeline: Pipeline) -> None:
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("result-consumer", other.consumer_id)
    runs = {}
    for owner, name in ((other, "a.md"), (pipeline, "b.md")):
        runs[name] = (await pipeline.upload(name, name.encode())).run_id
        (claim,) = await pipeline.work()
        await owner.store(pipeline.file(claim, name))
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    assert await other.indexing.adopt(at_most=1, known=[runs["a.md"]]) == [runs["b.md"]]


async def test_large_versions_are_switched_in_slices(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.picks, "__kwdefaults__", {"size": 2})
    monkeypatch.setattr(serving.activate, "__kwdefaults__", {"size": 2})
    monkeypatch.setattr(serving.supersede, "__kwdefaults__", {"size": 2})
    for text in ("1\n\n2\n\n3\n\n4\n\n5", "1\n\n7\n\n8"):
        await pipeline.upload("a.md", text.encode())
        (claim,) = await pipeline.work()
        stored = await pipeline.store(pipeline.file(claim, text))
        activated = await pipeline.index(stored.indexing)
        assert [status for _, _, status in activated.endings] == ["succeeded"]
        served = await pipeline.rows(
            "SELECT c.text FROM objects o JOIN chunks c ON c.id = o.chunk_id WHERE o.state = 'active'"
        )
        assert sorted(row["text"] for row in served) == text.split("\n\n")


async def test_what_is_left_to_index_is_read_from_behind_an_ordinal(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    (job_id,) = (await pipeline.store(pipeline.file(claim, "1\n\n2\n\n3"))).indexing
    chunks = await pipeline.indexing.to_index([job_id], at_most=2)
    assert [chunk.ordinal for chunk in chunks] == [0, 1]
    chunks = await pipeline.indexing.to_index([job_id], at_most=2, after={job_id: 1})
    assert [chunk.ordinal for chunk in chunks] == [2]


async def test_a_failure_of_indexing_is_retried_like_any_other(pipeline: Pipeline) -> None:
    indexing = PostgresIndexing(
        database=pipeline.database,
        consumer_id=pipeline.consumer_id,
        collection=COLLECTION,
        batch_seconds=60,
        policy=RetryPolicy(base_seconds=1, dead_base_seconds=60, dead_retries_max=1),
        prune_limits=USUAL_PRUNE_LIMITS,
    )
    upload = await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "words"))
    await indexing.fail([upload.run_id], error_code="internal_error", sentence="No.", retryable=True)
    assert await pipeline.value("SELECT next_retry_at > now() FROM failed_jobs WHERE id = $1", upload.run_id)


async def test_a_statement_that_takes_too_long_is_no_absence_of_postgres(pipeline: Pipeline) -> None:
    async def slow(connection: Connection) -> None:
        await connection.execute("SET LOCAL statement_timeout = '20ms'")
        await connection.execute("SELECT pg_sleep(5)")

    with pytest.raises(StatementTimeoutError):
        await pipeline.database.run(slow)


async def test_repairs_of_what_is_not_served_any_more_make_way(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.file(claim, "1\n\n2\n\n3"))
    await pipeline.index(stored.indexing)
    await pipeline.rows(
        """
        INSERT INTO repairs (object_id, tenant_id, source_id, document_id, chunk_id, collection, kind, noted_at)
        SELECT o.object_id, o.tenant_id, o.source_id, o.document_id, o.chunk_id, o.collection, 'missing',
               now() + make_interval(secs => vc.ordinal)
        FROM objects o JOIN version_chunks vc ON vc.chunk_id = o.chunk_id WHERE o.state = 'active' RETURNING object_id
        """
    )
    await pipeline.rows(
        """
        UPDATE objects SET state = 'superseded' WHERE chunk_id IN (
            SELECT chunk_id FROM version_chunks WHERE ordinal < 2) RETURNING object_id
        """
    )
    repairs = PostgresRepairs(
        database=pipeline.database, consumer_id=pipeline.consumer_id, collection=COLLECTION
    )
    assert [chunk.text.splitlines()[-1] for chunk in await repairs.take(at_most=1)] == ["3"]
    assert await pipeline.value("SELECT count(*) FROM repairs") == 1


async def test_of_two_versions_that_are_ready_at_once_the_newer_one_is_served(pipeline: Pipeline) -> None:
    first = await pipeline.add_site()
    older = await _crawl_with_a_failing_page(pipeline)
    host = "https://site.test:443"
    second = await pipeline.intake.sync(caller=CALLER, source_id=first.source_id, host=host)
    newer = await _crawl_with_a_failing_page(pipeline)
    claims = []
    for page in (newer, older):  # a run that is opened again waits for none that came after it
        await pipeline.intake.retry(caller=CALLER, job_id=page)
        claims += await pipeline.work()
    stored = await pipeline.store(*(pipeline.page(claim, "the same words") for claim in claims))
    assert len(stored.indexing) == 2
    activated = await pipeline.index(stored.indexing)
    assert sorted(status for _, _, status in activated.endings) == ["skipped", "succeeded"]
    (served,) = await pipeline.rows(
        "SELECT j.root_id FROM document_versions v JOIN jobs j ON j.id = v.job_id"
        " WHERE v.is_active AND NOT j.is_seed"
    )
    assert served["root_id"] == second
    skipped = await pipeline.rows("SELECT root_id FROM jobs WHERE reason = 'superseded'")
    assert [row["root_id"] for row in skipped] == [first.run_id]
    assert await pipeline.value("SELECT count(*) FROM objects WHERE state = 'active'") == 2
    await pipeline.assert_balanced()


async def _crawl_with_a_failing_page(pipeline: Pipeline) -> UUID:
    (seed,) = await pipeline.work()
    await pipeline.index(
        (await pipeline.store(pipeline.page(seed, "start", ["https://site.test/page"]))).indexing
    )
    (page,) = await pipeline.work()
    failure = pipeline.failure(page, ErrorCode.HTTP_ERROR, retryable=False, http_status=500)
    await pipeline.store(failure)
    return page.ticket.job_id
