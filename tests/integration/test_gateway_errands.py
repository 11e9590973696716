"""Jobs of all types through the public face: started, copied, run again, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.gateways import Gateway, environment
from support.pipeline import Pipeline
from support.rows import add_content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.client import Client
    from support.databases import Database
    from support.rows import Content

NOBODY = "01930000-0000-7000-8000-ffffffffffff"


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory)
    running = await Gateway.start(directory / "log", settings)
    yield running
    assert await running.stop() == 0


@pytest.fixture(scope="module")
async def rows(module_database: Database) -> AsyncIterator[Pipeline]:
    opened = await Pipeline.open(module_database.service_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def made(rows: Pipeline) -> Content:
    return await add_content(rows.database, documents=3)


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client


async def start(client: Client, kind: str, **payload: Any) -> str:
    started = await client.post("/v1/jobs", {"type": kind, "payload": payload}, status=202)
    job_id: str = started["job_id"]
    return job_id


async def test_a_cleanup_is_started_shown_cancelled_and_removed(client: Client, rows: Pipeline) -> None:
    job_id = await start(client, "cleanup", dry_run=True)
    job = await client.get(f"/v1/jobs/{job_id}")
    assert (job["type"], job["handler"], job["status"]) == ("cleanup", None, "queued")
    assert job["config"] == {"age_threshold_days": 30.0, "status_filter": ["succeeded"], "dry_run": True}
    assert job["waiting_for"] == "worker", "there is no janitor"
    assert job["progress"]["percent"] == 0
    listed = await client.get("/v1/jobs", type="cleanup")
    assert [item["id"] for item in listed["items"]] == [job_id]
    assert job_id not in [item["id"] for item in (await client.get("/v1/ingestion-runs"))["items"]]
    assert (await client.get(f"/v1/jobs/{job_id}/children"))["items"] == []
    await client.refused("DELETE", f"/v1/jobs/{job_id}", status=409, code="job_active")
    await client.post(f"/v1/jobs/{job_id}/cancel", status=202)
    await client.refused("POST", f"/v1/jobs/{job_id}/cancel", status=409, code="already_finished")
    await client.refused("POST", f"/v1/jobs/{job_id}/retry", status=409, code="not_failed")
    await rows.assert_balanced()
    assert (await client.call("DELETE", f"/v1/jobs/{job_id}")).status == 204
    await client.refused("GET", f"/v1/jobs/{job_id}", status=404, code="not_found")
    await rows.assert_balanced()


async def test_copies_and_repetitions_of_each_type(client: Client, rows: Pipeline, made: Content) -> None:
    cleanup = await start(client, "cleanup", age_threshold_days=60, status_filter="failed")
    summarizer = await start(client, "summarizer", source_id=str(made.source_id))
    reembed = await start(client, "reembed", source_id=str(made.source_id))
    changes: dict[str, dict[str, Any]] = {
        cleanup: {"dry_run": True},
        summarizer: {"sentences": 2},
    }
    for job_id in (cleanup, summarizer, reembed):
        before = await client.get(f"/v1/jobs/{job_id}")
        again = await client.post(f"/v1/jobs/{job_id}/rerun", status=201)
        assert again["job_id"] != job_id
        repeated = await client.get(f"/v1/jobs/{again['job_id']}")
        assert (repeated["type"], repeated["config"]) == (before["type"], before["config"])
        change = changes.get(job_id, {})
        copied = await client.post(f"/v1/jobs/{job_id}/copy", {"payload": change}, status=201)
        assert copied["job_id"] != job_id
        shown = await client.get(f"/v1/jobs/{copied['job_id']}")
        assert shown["config"] == before["config"] | change
    assert (await client.get(f"/v1/jobs/{cleanup}"))["config"]["status_filter"] == ["failed"]
    await client.refused(
        "POST",
        f"/v1/jobs/{summarizer}/copy",
        json={"payload": {"sentences": 0}},
        status=422,
        code="validation_error",
    )
    await client.refused(
        "POST",
        f"/v1/jobs/{reembed}/copy",
        json={"payload": {"source_id": NOBODY}},
        status=404,
        code="not_found",
    )
    await rows.assert_balanced()


async def test_an_upload_is_copied_with_another_title(client: Client, rows: Pipeline) -> None:
    accepted = await rows.upload("copied.md", b"copied", title="One")
    path = f"/v1/jobs/{accepted.run_id}/copy"
    copied = await client.post(path, {"payload": {"title": "Two"}}, status=201)
    payload = await rows.value("SELECT payload FROM jobs WHERE id = $1", copied["job_id"])
    original = await rows.value("SELECT payload FROM jobs WHERE id = $1", accepted.run_id)
    assert payload == original | {"title": "Two"}
    assert (await client.get(f"/v1/jobs/{copied['job_id']}"))["config"]["title"] == "Two"
    await client.refused(
        "POST",
        path,
        json={"payload": {"upload_uri": "file:///etc/passwd"}},
        status=422,
        code="validation_error",
    )


async def test_sources_are_indexed_anew_as_runs(client: Client, made: Content) -> None:
    source = str(made.source_id)
    started = await client.post("/v1/sources/reembed", {"source_ids": [source, source]}, status=202)
    assert [run["source_id"] for run in started["runs"]] == [source]
    run = await client.get(f"/v1/ingestion-runs/{started['runs'][0]['run_id']}")
    assert (run["type"], run["source_id"]) == ("reembed", source)
    answer = await client.call("DELETE", f"/v1/sources/{source}")
    assert (answer.status, answer.body["code"]) == (409, "ingest_in_progress")
    body = {"source_ids": [source, NOBODY]}
    await client.refused("POST", "/v1/sources/reembed", json=body, status=404, code="not_found")


@pytest.mark.parametrize(
    ("kind", "payload", "status", "code"),
    [
        ("parent", {}, 422, "unknown_job_type"),
        ("page", {}, 422, "unknown_job_type"),
        ("cleanup", {"age_threshold_days": 0.5}, 422, "validation_error"),
        ("cleanup", {"age_threshold_days": -1}, 422, "validation_error"),
        ("cleanup", {"status_filter": ["running"]}, 422, "validation_error"),
        ("cleanup", {"status_filter": []}, 422, "validation_error"),
        ("cleanup", {"older_than": 3}, 422, "validation_error"),
        ("summarizer", {}, 422, "validation_error"),
        ("summarizer", {"source_id": NOBODY, "document_ids": [NOBODY]}, 422, "validation_error"),
        ("summarizer", {"source_id": NOBODY}, 404, "not_found"),
        ("summarizer", {"document_ids": [NOBODY]}, 404, "not_found"),
        ("summarizer", {"source_id": NOBODY, "sentences": 21}, 422, "validation_error"),
        ("reembed", {}, 422, "validation_error"),
        ("reembed", {"source_id": "x"}, 422, "validation_error"),
        ("reembed", {"source_id": NOBODY}, 404, "not_found"),
    ],
)
async def test_what_cannot_be_started(
    client: Client, kind: str, payload: dict[str, Any], status: int, code: str
) -> None:
    for path in ("/v1/jobs", "/api/jobs/start"):
        await client.refused("POST", path, json={"type": kind, "payload": payload}, status=status, code=code)


async def test_a_document_shows_its_summary_and_whether_it_is_current(
    client: Client, rows: Pipeline, made: Content
) -> None:
    path = f"/v1/documents/{made.document_ids[0]}"
    assert (await client.get(path))["summary"] is None
    await rows.rows(
        """INSERT INTO document_summaries (document_id, tenant_id, version_id, job_id, method, summary)
        SELECT document_id, tenant_id, id, job_id, 'extractive', 'In short.' FROM document_versions WHERE id = $1""",
        made.version_ids[0],
    )
    summary = (await client.get(path))["summary"]
    assert (summary["text"], summary["method"], summary["is_current"]) == ("In short.", "extractive", True)
    await rows.rows("UPDATE document_summaries SET version_id = job_id")
    assert (await client.get(path))["summary"]["is_current"] is False
