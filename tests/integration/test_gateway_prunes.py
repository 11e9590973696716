"""What people see and say of held pages and dead messages, over HTTP and from real rows."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from shared.errors import ErrorCode
from shared.postgres.dead_letters import PostgresDeadLetters
from shared.postgres.upkeep_figures import PostgresFigures
from support.gateways import Gateway, environment
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from support.client import Client
    from support.databases import Database

PAGES = 25


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory)
    running = await Gateway.start(directory / "log", settings)
    yield running
    assert await running.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client


@pytest.fixture(scope="module")
async def pipeline(module_database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(module_database.service_url)
    yield pipeline
    await pipeline.close()


async def held_run(pipeline: Pipeline, host: str) -> tuple[UUID, UUID]:
    """A source of which all pages but the first answer 404 the second time, and that run."""
    home = f"https://{host}/"
    pages = [f"{home}{n}" for n in range(PAGES)]
    accepted = await pipeline.add_site(home)
    await pipeline.run_all(
        {home: (f"home of {host}", pages)} | {url: (f"text of {url}", []) for url in pages}
    )
    run_id = await pipeline.intake.sync(
        caller=CALLER, source_id=accepted.source_id, host=f"https://{host}:443"
    )
    while claims := await pipeline.work():
        for claim in claims:
            if claim.payload["url"] == home:
                result = pipeline.page(claim, f"home of {host}", pages)
            else:
                result = pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=404)
            await pipeline.index((await pipeline.store(result)).indexing)
    return accepted.source_id, run_id


async def test_a_held_run_is_shown_and_approved_once(client: Client, pipeline: Pipeline) -> None:
    source_id, run_id = await held_run(pipeline, "approved.test")
    run = await client.get(f"/v1/ingestion-runs/{run_id}")
    assert run["status"] == "succeeded"
    assert run["stats"]["warning"] == "prune_held"
    shown = {name: run["prune"][name] for name in ("state", "pages", "served", "retired", "decided_by")}
    assert shown == {"state": "held", "pages": PAGES, "served": PAGES + 1, "retired": 0, "decided_by": None}
    listed = await client.get("/v1/prunes", state="held", source_id=str(source_id))
    assert [(item["run_id"], item["pages"]) for item in listed["items"]] == [(str(run_id), PAGES)]
    pages = await client.get(f"/v1/sources/{source_id}/pages", status="held", limit=10, offset=20)
    assert (len(pages["items"]), pages["total"]) == (5, PAGES)
    assert {(page["http_status"], page["reason"]) for page in pages["items"]} == {(404, "gone")}
    status_page = await client.call("GET", "/")
    assert "Waiting for a decision" in status_page.body

    path = f"/v1/ingestion-runs/{run_id}/prune"
    answers = await asyncio.gather(
        *(client.call("POST", path, json={"decision": word}) for word in ("approve", "approve", "reject"))
    )
    assert sorted(answer.status for answer in answers) == [202, 409, 409]
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"already_decided"}
    (done,) = [answer.body for answer in answers if answer.status == 202]
    run = await client.get(f"/v1/ingestion-runs/{run_id}")
    assert (run["prune"]["state"], run["prune"]["retired"]) == (done["state"], done["retired"])
    documents = await client.get("/v1/documents", source_id=str(source_id))
    assert documents["total"] == PAGES + 1 - done["retired"]
    assert (await client.get("/v1/prunes", state="held", source_id=str(source_id)))["total"] == 0
    assert (await client.get(f"/v1/sources/{source_id}/pages", status="held"))["total"] == 0


async def test_a_rejection_keeps_every_page(client: Client, pipeline: Pipeline) -> None:
    source_id, run_id = await held_run(pipeline, "rejected.test")
    answer = await client.call("POST", f"/api/ingestion-runs/{run_id}/prune", json={"decision": "reject"})
    assert answer.status == 202
    assert answer.body == {"run_id": str(run_id), "state": "rejected", "pages": PAGES, "retired": 0}
    assert (await client.get("/v1/documents", source_id=str(source_id)))["total"] == PAGES + 1


async def test_runs_that_hold_nothing_and_words_that_say_nothing_are_refused(
    client: Client, pipeline: Pipeline
) -> None:
    accepted = await pipeline.add_site("https://plain.test/")
    path = f"/v1/ingestion-runs/{accepted.run_id}/prune"
    nothing = await client.call("POST", path, json={"decision": "approve"})
    assert (nothing.status, nothing.body["code"]) == (409, "nothing_held")
    unknown = await client.call("POST", f"/v1/ingestion-runs/{new_id()}/prune", json={"decision": "approve"})
    assert unknown.status == 404
    for body in ({}, {"decision": "perhaps"}, {"decision": "approve", "also": 1}):
        assert (await client.call("POST", path, json=body)).status == 422
    assert (await client.call("GET", "/v1/prunes?state=open")).status == 422
    await pipeline.intake.cancel(caller=CALLER, job_id=accepted.run_id)


async def test_dead_messages_are_shown_to_operators(client: Client, pipeline: Pipeline) -> None:
    table = PostgresDeadLetters(database=pipeline.database)
    body = b"\xff\x00noise" + b"x" * 100_000
    about = {"topic": "ingest.task", "channel": "worker", "reason": "no JSON", "body": body}
    kept = await table.add(message_id="0a" * 8, **about)  # type: ignore[arg-type]  # of several types
    assert await table.add(message_id="0a" * 8, **about) == kept  # type: ignore[arg-type]  # likewise
    assert not kept.published
    await table.mark_published(kept.key)
    assert (await table.add(message_id="0a" * 8, **about)).published  # type: ignore[arg-type]  # likewise
    await table.add(message_id="0b" * 8, **about | {"topic": "ingest.result"})  # type: ignore[arg-type]  # likewise
    listed = await client.get("/v1/system/dead-messages", topic="ingest.task")
    assert listed["total"] == 1
    (item,) = listed["items"]
    assert (item["reason"], item["size_bytes"], item["message_id"]) == ("no JSON", len(body), "0a" * 8)
    assert item["preview"].startswith("\ufffd\x00noise")
    assert len(item["preview"]) == 500
    whole = await client.get(f"/v1/system/dead-messages/{item['id']}")
    assert base64.b64decode(whole["body_base64"]) == body[: 64 * 1024]
    assert (await client.get("/v1/system/dead-messages"))["total"] == 2
    assert (await client.call("GET", f"/v1/system/dead-messages/{new_id()}")).status == 404
    figures = PostgresFigures(database=pipeline.database)
    assert await figures.forget_dead_messages(keep=1, at_most=10) == 1
    (left,) = (await client.get("/v1/system/dead-messages"))["items"]
    assert left["topic"] == "ingest.result"
