"""What is written when a run ends: one delivery for each webhook that wants to know, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from shared.contracts.caller import Caller
from shared.errors import ErrorCode
from shared.postgres.transitions import Ending, finish_jobs
from shared.states import JobStatus
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.pipeline import CALLER
from support.webhooks import Hooks

if TYPE_CHECKING:
    import asyncpg

    from support.pipeline import Pipeline

URL = "https://hooks.test/quern"
SITE = {
    "https://site.test/": ("home", ["https://site.test/a", "https://site.test/b"]),
    "https://site.test/a": ("page a", []),
    "https://site.test/b": ("page b", []),
}
STRANGER = Caller(
    tenant_id=UUID("00000000-0000-7000-8000-00000000000f"),
    tenant_slug="stranger",
    actor="stranger",
    request_id="req-2",
)


@pytest.fixture
async def hooks(pipeline: Pipeline) -> Hooks:
    return Hooks(pipeline)


async def written(pipeline: Pipeline) -> list[asyncpg.Record]:
    return await pipeline.rows("SELECT * FROM webhook_deliveries ORDER BY id")


async def told(pipeline: Pipeline) -> list[str]:
    return [row["event"] for row in await written(pipeline)]


async def upload(pipeline: Pipeline, body: bytes = b"text", name: str = "a.md") -> UUID:
    """An upload that succeeds."""
    accepted = await pipeline.upload(name, body)
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.file(claim, body.decode()))
    await pipeline.index(stored.indexing)
    return accepted.run_id


async def test_a_crawl_that_succeeds_is_told_with_all_that_is_known_of_it(
    pipeline: Pipeline, hooks: Hooks
) -> None:
    webhook = await hooks.add(URL)
    run = await pipeline.add_site()
    await pipeline.run_all(SITE)
    (delivery,) = await written(pipeline)
    assert (delivery["webhook_id"], delivery["event"], delivery["state"]) == (
        webhook.id,
        "run.succeeded",
        "waiting",
    )
    payload: dict[str, Any] = delivery["payload"]
    facts = payload["data"]["run"]
    assert payload["type"] == "run.succeeded"
    assert payload["timestamp"] == facts["finished_at"]
    assert facts["finished_at"].endswith("Z")
    assert {key: facts[key] for key in ("id", "type", "status", "error_code")} == {
        "id": str(run.run_id),
        "type": "crawler",
        "status": "succeeded",
        "error_code": None,
    }
    assert facts["progress"] == {"total": 3, "succeeded": 3, "failed": 0, "skipped": 0, "cancelled": 0}
    assert payload["data"]["source"] == {
        "id": str(run.source_id),
        "type": "web",
        "name": "site.test",
        "url": "https://site.test/",
        "file_name": None,
    }


async def test_uploads_are_told_by_how_they_ended(pipeline: Pipeline, hooks: Hooks) -> None:
    await hooks.add(URL)
    await upload(pipeline)
    again = await pipeline.upload("b.md", b"text")
    assert again.status == "skipped"
    await pipeline.upload("c.md", b"broken")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    deliveries = await written(pipeline)
    assert [row["event"] for row in deliveries] == ["run.succeeded", "run.skipped", "run.failed"]
    runs = [row["payload"]["data"]["run"] for row in deliveries]
    assert [run["progress"]["succeeded"] for run in runs] == [1, 0, 0]
    assert (runs[1]["reason"], runs[2]["error_code"]) == ("duplicate", "corrupt_file")
    assert runs[2]["error"] == "It did not work."


async def test_a_run_that_is_retried_ends_a_second_time(pipeline: Pipeline, hooks: Hooks) -> None:
    await hooks.add(URL)
    await pipeline.upload("c.md", b"text")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    await pipeline.intake.retry(caller=CALLER, job_id=claim.ticket.job_id)
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.file(claim, "text"))
    await pipeline.index(stored.indexing)
    first, second = await written(pipeline)
    assert (first["event"], second["event"]) == ("run.failed", "run.succeeded")
    assert first["payload"]["data"]["run"]["id"] == second["payload"]["data"]["run"]["id"]


async def test_a_page_that_is_retried_ends_its_crawl_a_second_time(pipeline: Pipeline, hooks: Hooks) -> None:
    await hooks.add(URL)
    await pipeline.add_site()
    while claims := await pipeline.work():
        results = [
            pipeline.failure(c, ErrorCode.HTTP_ERROR, retryable=False)
            if c.payload["url"].endswith("/b")
            else pipeline.page(c, *SITE[c.payload["url"]])
            for c in claims
        ]
        await pipeline.index((await pipeline.store(*results)).indexing)
    failed = await pipeline.value("SELECT id FROM failed_jobs")
    await pipeline.intake.retry(caller=CALLER, job_id=failed)
    await pipeline.run_all(SITE)
    deliveries = await written(pipeline)
    assert [row["event"] for row in deliveries] == ["run.succeeded", "run.succeeded"]
    progress = [row["payload"]["data"]["run"]["progress"] for row in deliveries]
    assert [(one["succeeded"], one["failed"]) for one in progress] == [(2, 1), (3, 0)]


async def test_a_failed_seed_page_fails_its_crawl(pipeline: Pipeline, hooks: Hooks) -> None:
    await hooks.add(URL, events=["run.failed"])
    await pipeline.add_site()
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=404))
    (delivery,) = await written(pipeline)
    run = delivery["payload"]["data"]["run"]
    assert (run["error_code"], run["http_status"]) == ("http_error", 404)


async def test_a_cancelled_crawl_is_told_once_with_its_pages_counted(
    pipeline: Pipeline, hooks: Hooks
) -> None:
    await hooks.add(URL)
    run = await pipeline.add_site()
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.page(claim, *SITE["https://site.test/"]))).indexing)
    await pipeline.intake.cancel(caller=CALLER, job_id=run.run_id)
    (delivery,) = await written(pipeline)
    assert delivery["event"] == "run.cancelled"
    assert delivery["payload"]["data"]["run"]["progress"] == {
        "total": 3,
        "succeeded": 1,
        "failed": 0,
        "skipped": 0,
        "cancelled": 2,
    }


async def test_deleting_a_source_by_force_tells_that_its_run_was_cancelled(
    pipeline: Pipeline, hooks: Hooks
) -> None:
    await hooks.add(URL)
    run = await pipeline.add_site()
    await pipeline.intake.delete_source(caller=CALLER, source_id=run.source_id, force=True)
    assert await told(pipeline) == ["run.cancelled"]


async def test_an_end_that_is_rolled_back_is_told_to_nobody(pipeline: Pipeline, hooks: Hooks) -> None:
    await hooks.add(URL)
    accepted = await pipeline.upload("a.md", b"text")

    class UndoneError(Exception):
        pass

    async def end() -> None:
        async with pipeline.database.transaction() as connection:
            ending = Ending(job_id=accepted.run_id, status=JobStatus.CANCELLED)
            assert await finish_jobs(connection, [ending], limits=USUAL_PRUNE_LIMITS)
            assert await connection.fetchval("SELECT count(*) FROM webhook_deliveries") == 1
            raise UndoneError

    with pytest.raises(UndoneError):
        await end()
    assert await told(pipeline) == []


async def test_nothing_is_told_to_those_who_do_not_want_to_know(pipeline: Pipeline, hooks: Hooks) -> None:
    await pipeline.rows(
        "INSERT INTO tenants (id, slug, name) VALUES ($1, 'stranger', 'Stranger')", STRANGER.tenant_id
    )
    await hooks.add(URL, caller=STRANGER)
    await hooks.add(URL, events=["run.failed"])
    await hooks.add(URL, active=False)
    gone = await hooks.add(URL)
    await hooks.store.remove(caller=CALLER, webhook_id=gone.id)
    await upload(pipeline)
    assert await told(pipeline) == []


async def test_every_webhook_is_told_and_a_paused_one_later(pipeline: Pipeline, hooks: Hooks) -> None:
    one, other = await hooks.add(URL), await hooks.add("https://hooks.test/other")
    await pipeline.rows(
        "UPDATE webhooks SET paused_at = now(), paused_reason = 'failing' WHERE id = $1", one.id
    )
    await upload(pipeline)
    assert {row["webhook_id"] for row in await written(pipeline)} == {one.id, other.id}


async def test_a_stranger_sees_neither_webhooks_nor_deliveries_even_where_a_filter_is_forgotten(
    pipeline: Pipeline, hooks: Hooks
) -> None:
    webhook = await hooks.add(URL)
    await upload(pipeline)
    for table in ("webhooks", "webhook_deliveries"):
        for principal, rows in ((CALLER.tenant_id, 1), (STRANGER.tenant_id, 0)):
            async with pipeline.gateway.transaction(principal) as connection:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == rows
    async with pipeline.gateway.transaction(STRANGER.tenant_id) as connection:
        changed = await connection.execute("UPDATE webhooks SET active = false WHERE id = $1", webhook.id)
        assert changed == "UPDATE 0"
