"""What the gateway shows of work: runs, pages, documents, failures, logs and events, from real rows."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp
import pytest

from shared.errors import ErrorCode
from shared.postgres.transitions import add_log_lines
from support.client import until
from support.gateways import Gateway, environment
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.client import Client
    from support.databases import Database

SITE = {
    "https://site.test/": ("home\n\nwelcome", ["https://site.test/a", "https://site.test/b"]),
    "https://site.test/a": ("page a\n\nmore of a", []),
    "https://site.test/b": ("page b", []),
}
OTHER_TENANT = UUID("00000000-0000-7000-8000-00000000000f")


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory)
    running = await Gateway.start(
        directory / "log",
        {**settings, "QUERN_EVENTS_POLL_SECONDS": "0.05", "QUERN_EVENTS_HEARTBEAT_SECONDS": "0.2"},
    )
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


@pytest.fixture
async def site(pipeline: Pipeline) -> AsyncIterator[dict[str, str]]:
    """A crawled site of three pages, removed afterwards."""
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    yield {"source_id": str(accepted.source_id), "run_id": str(accepted.run_id)}
    await forget(pipeline)


async def forget(pipeline: Pipeline) -> None:
    """Nothing is left of earlier tests."""
    await pipeline.rows("UPDATE sources SET status = 'deleted'")
    await pipeline.rows("DELETE FROM jobs")
    await pipeline.rows("DELETE FROM ledger")


async def test_a_crawl_is_shown_with_its_pages(client: Client, site: dict[str, str]) -> None:
    run = await client.get(f"/v1/ingestion-runs/{site['run_id']}")
    assert (run["status"], run["waiting_for"], run["eta_seconds"]) == ("succeeded", None, None)
    assert run["progress"] == {
        "total": 3,
        "succeeded": 3,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "percent": 100,
    }
    source = await client.get(f"/v1/sources/{site['source_id']}")
    assert (source["status"], source["documents"], source["chunks"]) == ("idle", 3, 5)
    assert source["last_run"]["status"] == "succeeded"
    pages = await client.get(f"/v1/sources/{site['source_id']}/pages")
    assert {page["url"] for page in pages["items"]} == set(SITE)
    assert {page["status"] for page in pages["items"]} == {"succeeded"}
    assert all(page["document_id"] and page["http_status"] == 200 for page in pages["items"])
    none = await client.get(f"/v1/sources/{site['source_id']}/pages", status="failed")
    assert (none["items"], none["total"]) == ([], 0)


async def test_documents_are_shown_with_content_and_chunks(client: Client, site: dict[str, str]) -> None:
    documents = await client.get("/v1/documents", source_id=site["source_id"])
    assert documents["total"] == 3
    found = await client.get("/v1/documents", source_id=site["source_id"], q="SITE.TEST/A")
    [document] = found["items"]
    assert (document["status"], document["chunks"], document["source_id"]) == ("active", 2, site["source_id"])
    alone = await client.get(f"/v1/documents/{document['id']}")
    [version] = alone.pop("versions")
    assert alone == document
    assert (version["id"], version["is_active"], version["chunks"]) == (
        document["active_version_id"],
        True,
        2,
    )
    content = await client.call("GET", f"/v1/documents/{document['id']}/content")
    assert content.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert content.body == "page a\n\nmore of a"
    chunks = await client.get(f"/v1/documents/{document['id']}/chunks")
    assert [chunk["text"] for chunk in chunks["items"]] == ["page a", "more of a"]
    assert [chunk["ordinal"] for chunk in chunks["items"]] == [0, 1]
    behind = await client.get(f"/v1/documents/{document['id']}/chunks", after=0)
    assert [chunk["text"] for chunk in behind["items"]] == ["more of a"]


async def test_retired_documents_are_shown_only_when_asked_for(
    client: Client, pipeline: Pipeline, site: dict[str, str]
) -> None:
    accepted = await client.post(f"/v1/sources/{site['source_id']}/sync", status=202)
    smaller = {
        "https://site.test/": ("home\n\nwelcome", ["https://site.test/a"]),
        "https://site.test/a": SITE["https://site.test/a"],
    }

    async def crawled() -> bool:
        # The gateway announces as well, and takes it back after a while: it has no nsqd.
        await pipeline.run_all(smaller)
        return bool((await client.get(f"/v1/ingestion-runs/{accepted['run_id']}"))["status"] == "succeeded")

    await until(crawled, "the second crawl has ended")
    shown = await client.get("/v1/documents", source_id=site["source_id"])
    assert shown["total"] == 2
    retired = await client.get("/v1/documents", source_id=site["source_id"], status="retired")
    assert [(item["url"], item["active_version_id"], item["chunks"]) for item in retired["items"]] == [
        ("https://site.test/b", None, 0)
    ]
    assert (await client.get("/v1/stats"))["documents"] == 2


async def test_a_new_version_is_listed_and_an_earlier_one_can_be_served_again(
    client: Client, pipeline: Pipeline
) -> None:
    first = await pipeline.upload("guide.md", b"one", version_label="v1")
    for body in ("one", "two"):
        [claim] = await pipeline.work()
        stored = await pipeline.store(pipeline.file(claim, body))
        await pipeline.index(stored.indexing)
        if body == "one":
            await pipeline.upload("guide.md", b"two")
    path = f"/v1/documents/{first.document_id}"
    document = await client.get(path)
    new, old = document["versions"]
    assert (new["is_active"], old["is_active"], old["version_label"]) == (True, False, "v1")
    await client.refused(
        "POST", f"{path}/activate", json={"version_id": new["id"]}, status=409, code="already_active"
    )
    accepted = await client.post(f"{path}/activate", {"version_id": old["id"]}, status=202)
    run = await client.get(f"/v1/ingestion-runs/{accepted['run_id']}")
    assert (run["type"], run["document_id"]) == ("activate", str(first.document_id))
    await client.refused(
        "POST", f"{path}/activate", json={"version_id": str(first.run_id)}, status=404, code="not_found"
    )
    await forget(pipeline)


async def test_a_failed_unit_of_work_is_listed_and_retried_once(client: Client, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("broken.pdf", b"broken")
    [claim] = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    listed = await client.get("/api/jobs/failed", handler="file", error_code="corrupt_file")
    [failed] = listed["items"]
    assert (failed["id"], failed["source_id"]) == (str(accepted.run_id), str(accepted.source_id))
    assert failed["payload"]["file_name"] == "broken.pdf"
    assert (failed["error"], failed["retries"], failed["retryable"]) == ("It did not work.", 0, False)
    assert (await client.get("/v1/jobs/failed", handler="web"))["total"] == 0
    assert (await client.get(f"/v1/sources/{accepted.source_id}"))["status"] == "failed"
    assert (await client.get("/v1/stats"))["failed_jobs"] == 1
    run = await client.get(f"/v1/ingestion-runs/{accepted.run_id}")
    assert (run["status"], run["error_code"], run["error"]) == ("failed", "corrupt_file", "It did not work.")
    path = f"/api/jobs/{accepted.run_id}/retry"
    assert await client.post(path, status=202) == {"job_id": str(accepted.run_id)}
    await client.refused("POST", path, status=409, code="already_retried")
    retried = await client.get(f"/v1/jobs/{accepted.run_id}")
    assert (retried["status"], retried["attempt"], retried["retries"]) == ("queued", 1, 1)
    assert (await client.get("/v1/jobs/failed"))["total"] == 0
    await forget(pipeline)


async def test_many_are_retried_by_class(client: Client, pipeline: Pipeline) -> None:
    for number, code in enumerate((ErrorCode.TIMEOUT, ErrorCode.TIMEOUT, ErrorCode.ENCRYPTED)):
        await pipeline.upload(f"many-{number}.pdf", b"%d" % number)
        [claim] = await pipeline.work()
        await pipeline.store(pipeline.failure(claim, code, retryable=False))
    assert await client.post("/v1/jobs/failed/retry", {"error_code": "timeout"}, status=202) == {
        "retried": 2,
        "remaining": 0,
    }
    assert await client.post("/v1/jobs/failed/retry", {"all": True}, status=202) == {
        "retried": 1,
        "remaining": 0,
    }
    assert await client.post("/v1/jobs/failed/retry", {"all": True}, status=202) == {
        "retried": 0,
        "remaining": 0,
    }
    await forget(pipeline)


async def test_an_open_job_says_what_it_waits_for(client: Client, pipeline: Pipeline) -> None:
    first = await pipeline.upload("queue.md", b"one")
    second = await pipeline.upload("queue.md", b"two")

    async def reason(run_id: UUID) -> Any:
        return (await client.get(f"/v1/ingestion-runs/{run_id}"))["waiting_for"]

    assert await reason(first.run_id) == "nsqd"  # this gateway has none
    assert await reason(second.run_id) == "earlier_version"
    [claim] = await pipeline.work()
    assert await reason(first.run_id) is None
    await pipeline.store(pipeline.failure(claim, ErrorCode.TIMEOUT, retryable=True))
    await pipeline.rows(
        "UPDATE jobs SET available_at = now() + interval '1 hour' WHERE id = $1", first.run_id
    )
    assert await reason(first.run_id) == "retry_at"
    run = await client.get(f"/v1/ingestion-runs/{first.run_id}")
    assert (run["status"], run["attempt"], run["error_code"]) == ("queued", 2, "timeout")
    await forget(pipeline)


async def test_a_crawl_waits_for_what_its_pages_wait_for(client: Client, pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    [seed] = await pipeline.work()
    path = f"/v1/ingestion-runs/{accepted.run_id}"
    running = await client.get(path)
    assert (running["status"], running["waiting_for"]) == ("running", None)
    stored = await pipeline.store(pipeline.page(seed, *SITE["https://site.test/"]))
    assert (await client.get(path))[
        "waiting_for"
    ] == "weaviate"  # the seed is being indexed, and there is none
    await pipeline.index(stored.indexing)
    assert (await client.get(path))["waiting_for"] == "nsqd"
    progress = (await client.get(path))["progress"]
    assert (progress["total"], progress["succeeded"], progress["percent"]) == (3, 1, 33)
    assert (await client.get(path))["eta_seconds"] is not None
    pages = await client.get(f"/v1/sources/{accepted.source_id}/pages", status="queued")
    assert pages["total"] == 2
    [claim] = (await pipeline.work())[:1]
    pages = await client.get(f"/v1/sources/{accepted.source_id}/pages", status="running")
    assert [page["url"] for page in pages["items"]] != []
    assert claim.payload["url"] in {page["url"] for page in pages["items"]}
    await forget(pipeline)


async def test_sources_are_found_by_what_they_are_doing(client: Client, pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site("https://doing.test/")

    async def are(status: str) -> list[str]:
        return [item["id"] for item in (await client.get("/v1/sources", status=status))["items"]]

    source = str(accepted.source_id)
    assert source in await are("queued")
    [claim] = await pipeline.work()
    assert source in await are("ingesting")
    await pipeline.store(pipeline.failure(claim, ErrorCode.UNREACHABLE, retryable=False))
    assert source in await are("failed")
    assert source not in await are("idle")
    assert (await client.get("/v1/sources", status="failed"))["total"] == len(await are("failed"))
    await forget(pipeline)


async def write_lines(pipeline: Pipeline, run_id: UUID, *levels: str) -> None:
    async with pipeline.database.transaction() as connection:
        await add_log_lines(connection, [(run_id, level, f"a {level}", {"n": 1}) for level in levels])


async def test_log_lines_come_once_in_order_from_a_level_on(client: Client, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("logged.md", b"logged")
    await write_lines(pipeline, accepted.run_id, "debug", "info", "warning", "error", "info")
    path = f"/v1/jobs/{accepted.run_id}/logs"
    everything = (await client.get(path))["items"]
    mine = [line for line in everything if line["message"].startswith("a ")]
    assert [line["level"] for line in mine] == ["debug", "info", "warning", "error", "info"]
    assert [line["id"] for line in everything] == sorted(line["id"] for line in everything)
    assert [line["level"] for line in (await client.get(path, level="warning"))["items"]] == [
        "warning",
        "error",
    ]
    seen: list[int] = []
    after = 0
    while page := (await client.get(path, limit=2, after=after))["items"]:
        seen += [line["id"] for line in page]
        after = seen[-1]
    assert seen == [line["id"] for line in everything]
    await forget(pipeline)


@dataclass
class Stream:
    """Server-sent events as they come."""

    response: aiohttp.ClientResponse
    comments: int = 0
    buffer: list[str] = field(default_factory=list)

    async def next(self) -> tuple[str, int, Any] | None:
        """The next event: name, id, data; None at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while raw := await self.response.content.readline():
                line = raw.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    return fields["event"], int(fields["id"]), json.loads(fields["data"])
        return None

    async def must(self) -> tuple[str, int, Any]:
        """The next event, which there must be."""
        event = await self.next()
        assert event is not None
        return event

    async def rest(self) -> list[tuple[str, int, Any]]:
        """All events until the end."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@asynccontextmanager
async def following(gateway: Gateway, run_id: UUID, **headers: str) -> AsyncIterator[Stream]:
    url = f"{gateway.url}/v1/ingestion-runs/{run_id}/events"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Stream(response)


async def test_a_run_is_followed_live_to_its_end(gateway: Gateway, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("live.md", b"live")
    async with following(gateway, accepted.run_id) as stream:
        name, _, data = await stream.must()
        assert (name, data["status"], data["waiting_for"]) == ("progress", "queued", "nsqd")
        await write_lines(pipeline, accepted.run_id, "info")
        events: list[tuple[str, int, Any]] = []
        while not any(data.get("message") == "a info" for _, _, data in events):
            events.append(await stream.must())
        [claim] = await pipeline.work()
        stored = await pipeline.store(pipeline.file(claim, "live"))
        await pipeline.index(stored.indexing)
        rest = await stream.rest()
    assert [name for name, _, _ in rest if name == "progress"]
    name, _, run = rest[-1]
    assert (name, run["status"], run["id"]) == ("done", "succeeded", str(accepted.run_id))
    assert run == await gateway.client.get(f"/v1/ingestion-runs/{accepted.run_id}")
    ids = [data["id"] for name, _, data in events + rest if name == "log"]
    assert ids == sorted(set(ids))
    await forget(pipeline)


async def test_a_client_goes_on_where_it_was(gateway: Gateway, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("resumed.md", b"resumed")
    await write_lines(pipeline, accepted.run_id, "info", "warning", "error")
    async with following(gateway, accepted.run_id) as stream:
        first: list[tuple[str, int, Any]] = []
        while not any(data.get("message") == "a warning" for _, _, data in first):
            first.append(await stream.must())
    await gateway.client.post(f"/v1/jobs/{accepted.run_id}/cancel", status=202)
    last_id = first[-1][1]
    async with following(gateway, accepted.run_id, **{"Last-Event-ID": str(last_id)}) as stream:
        rest = await stream.rest()
    logs = [data for name, _, data in rest if name == "log"]
    assert logs[0]["message"] == "a error"
    assert all(data["id"] > last_id for data in logs)
    assert (rest[-1][0], rest[-1][2]["status"]) == ("done", "cancelled")
    await forget(pipeline)


async def test_a_silent_stream_shows_that_it_lives(gateway: Gateway, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("silent.md", b"silent")
    async with following(gateway, accepted.run_id) as stream:
        await stream.next()
        reading = asyncio.create_task(stream.rest())

        async def alive() -> bool:
            return stream.comments >= 2

        await until(alive, "two heartbeats came")
        await gateway.client.post(f"/v1/jobs/{accepted.run_id}/cancel", status=202)
        assert (await reading)[-1][0] == "done"
    await forget(pipeline)


async def test_a_last_event_id_that_is_none_is_refused(client: Client, pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("odd.md", b"odd")
    await client.refused(
        "GET",
        f"/v1/ingestion-runs/{accepted.run_id}/events",
        headers={"Last-Event-ID": "abc"},
        status=422,
        code="validation_error",
    )
    await forget(pipeline)


async def test_the_ledger_balances_and_shows_a_row_that_was_removed_by_hand(
    client: Client, pipeline: Pipeline
) -> None:
    await forget(pipeline)
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    ledger = await client.get("/v1/system/ledger")
    assert ledger == {
        "accepted": 4,
        "succeeded": 4,
        "failed": 0,
        "cancelled": 0,
        "skipped": 0,
        "in_flight": 0,
        "balanced": True,
        "audit": {"checked_at": None, "missing": 0, "orphans": 0, "repaired": 0},
    }
    await pipeline.rows(
        "DELETE FROM jobs WHERE root_id = $1 AND depth = 1 AND url_key LIKE '%/b'", accepted.run_id
    )
    assert (await client.get("/v1/system/ledger"))["balanced"] is False
    await forget(pipeline)


async def test_nothing_of_another_tenant_is_seen(
    client: Client, pipeline: Pipeline, site: dict[str, str]
) -> None:
    documents = (await client.get("/v1/documents", source_id=site["source_id"]))["items"]
    group_id = (await client.get(f"/v1/sources/{site['source_id']}"))["group_id"]
    await pipeline.rows(
        "INSERT INTO tenants (id, slug, name) VALUES ($1, 'other', 'Other') ON CONFLICT DO NOTHING",
        OTHER_TENANT,
    )
    for table in (
        "groups",
        "sources",
        "documents",
        "document_versions",
        "version_chunks",
        "chunks",
        "jobs",
        "crawl_pages",
    ):
        await pipeline.rows(f"UPDATE {table} SET tenant_id = $1", OTHER_TENANT)
    try:
        for path in (
            f"/v1/sources/{site['source_id']}",
            f"/v1/sources/{site['source_id']}/pages",
            f"/v1/sources/{site['source_id']}/columns",
            f"/v1/documents/{documents[0]['id']}",
            f"/v1/documents/{documents[0]['id']}/content",
            f"/v1/documents/{documents[0]['id']}/chunks",
            f"/v1/ingestion-runs/{site['run_id']}",
            f"/v1/ingestion-runs/{site['run_id']}/events",
            f"/v1/jobs/{site['run_id']}",
            f"/v1/jobs/{site['run_id']}/logs",
            f"/v1/jobs/{site['run_id']}/children",
            f"/v1/groups/{group_id}",
        ):
            await client.refused("GET", path, status=404, code="not_found")
        for path in ("sources", "documents", "ingestion-runs", "jobs", "groups"):
            assert (await client.get(f"/v1/{path}"))["total"] == 0
        assert await client.get("/v1/stats") == {"sources": 0, "documents": 0, "failed_jobs": 0}
        await client.refused("DELETE", f"/v1/sources/{site['source_id']}", status=404, code="not_found")
        await client.refused(
            "POST", f"/v1/jobs/{site['run_id']}/cancel", json={}, status=404, code="not_found"
        )
    finally:
        for table in ("sources", "jobs", "groups"):
            await pipeline.rows(f"UPDATE {table} SET tenant_id = '00000000-0000-7000-8000-000000000001'")
