"""Uploads through the real gateway: exact, streamed, and nothing left behind where they are refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from shared.clock import new_id
from support.client import until
from support.gateways import Gateway, environment
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.client import Answer, Client
    from support.databases import Database

DOCUMENT_LIMIT = 40_000_000
TABLE_LIMIT = 300_000
HEAD = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
async def gateway(module_database: Database, directory: Path) -> AsyncIterator[Gateway]:
    settings = environment(database_url=module_database.service_url, data_dir=directory) | {
        "QUERN_UPLOAD_MAX_BYTES": str(DOCUMENT_LIMIT),
        "QUERN_TABLE_MAX_BYTES": str(TABLE_LIMIT),
        "QUERN_HTTP_IDLE_SECONDS": "1",
    }
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


def blobs(directory: Path) -> set[Path]:
    return {path for path in (directory / "blobs").rglob("*") if path.is_file()}


async def upload(client: Client, name: str, content: bytes, **fields: str) -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", io.BytesIO(content), filename=name)
    for field, value in fields.items():
        form.add_field(field, value)
    return await client.call("POST", "/v1/ingest", data=form)


async def send(gateway: Gateway, *parts: bytes | float, headers: str = "") -> bytes:
    """Send a request in pieces, with pauses; what comes back until the connection is closed."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        "POST /v1/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=XX\r\n{headers}\r\n"
    )
    writer.write(head.encode())
    try:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def problem(answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


async def test_an_upload_is_stored_where_its_run_says(
    client: Client, gateway: Gateway, directory: Path
) -> None:
    content = f"# Title\n\n{new_id()}".encode()
    answer = await upload(client, "übersicht 1.md", content, title="Übersicht", version_label="v1")
    assert (answer.status, answer.body["status"], answer.body["duplicate_of"]) == (202, "queued", None)
    run = await client.get(f"/v1/ingestion-runs/{answer.body['run_id']}")
    assert (run["document_id"], run["source_id"]) == (answer.body["document_id"], answer.body["source_id"])
    assert run["config"]["original_filename"] == "übersicht 1.md"
    tenant = "00000000-0000-7000-8000-000000000001"
    path = directory / "blobs" / tenant / answer.body["run_id"] / "übersicht 1.md"
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    source = await client.get(f"/v1/sources/{answer.body['source_id']}")
    assert (source["type"], source["file_name"], source["url"]) == ("upload", "übersicht 1.md", None)
    digest = hashlib.sha256(content).hexdigest()
    document = await client.get(f"/v1/documents/{answer.body['document_id']}")
    assert (document["title"], document["source_uri"]) == ("Übersicht", f"upload://sha256:{digest}")
    [line] = [line for line in gateway.lines() if line.get("run_id") == answer.body["run_id"]]
    assert line["event"] == "upload_accepted"
    assert line["upload_uri"].startswith("file:///")
    assert {
        key: line[key] for key in ("tenant_id", "user_id", "doc_id", "filename", "size_bytes", "sha256")
    } == {
        "tenant_id": tenant,
        "user_id": "anonymous",
        "doc_id": answer.body["document_id"],
        "filename": "übersicht 1.md",
        "size_bytes": len(content),
        "sha256": digest,
    }


@pytest.mark.parametrize(
    ("name", "content", "fields", "status", "code"),
    [
        ("a.txt", b"", {}, 400, "empty_file"),
        ("a.png", b"\x89PNG\r\n\x1a\n", {}, 415, "unsupported_type"),
        ("a.zip", b"PK\x03\x04nothing", {}, 415, "unsupported_type"),
        ("a.csv", b"a,b\n" * (TABLE_LIMIT // 4 + 1), {}, 413, "too_large"),
        ("a.txt", b"x", {"group_id": "nope"}, 422, "validation_error"),
        ("a.txt", b"x", {"group_id": str(new_id())}, 404, "not_found"),
        ("a.txt", b"x", {"tenant_id": str(new_id())}, 422, "validation_error"),
        ("a.txt", b"x", {"title": "t" * 501}, 422, "validation_error"),
    ],
)
async def test_a_refused_upload_says_why_and_leaves_nothing(
    client: Client, directory: Path, name: str, content: bytes, fields: dict[str, str], status: int, code: str
) -> None:
    before = blobs(directory)
    answer = await upload(client, name, content, **fields)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert blobs(directory) == before


async def test_limits_are_exact(client: Client, directory: Path) -> None:
    accepted = await upload(client, "limit.csv", b"a" * TABLE_LIMIT)
    assert accepted.status == 202
    before = blobs(directory)
    refused = await upload(client, "limit.csv", b"a" * (TABLE_LIMIT + 1))
    assert (refused.status, refused.body["limit_bytes"]) == (413, TABLE_LIMIT)
    assert blobs(directory) == before


async def test_a_body_that_is_surely_too_large_is_refused_unread(gateway: Gateway, directory: Path) -> None:
    before = blobs(directory)
    answer = await send(gateway, headers=f"Content-Length: {DOCUMENT_LIMIT * 2}\r\nExpect: 100-continue\r\n")
    assert b"100 Continue" not in answer
    assert problem(answer)["limit_bytes"] == DOCUMENT_LIMIT
    assert blobs(directory) == before


async def test_a_client_that_asks_whether_to_go_on_is_told_so(gateway: Gateway) -> None:
    body = HEAD + str(new_id()).encode() + b"\r\n--XX--\r\n"
    answer = await send(
        gateway, 0.3, body, headers=f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    )
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 100")
    assert rest.startswith(b"HTTP/1.1 202")


async def test_a_body_without_a_length_is_taken_too(client: Client) -> None:
    content = str(new_id()).encode() * 10_000

    async def body() -> AsyncIterator[bytes]:
        yield HEAD
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]
        yield b"\r\n--XX--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=XX"}
    answer = await client.call("POST", "/v1/ingest", data=body(), headers=headers)
    assert answer.status == 202


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"x" * 100_000],
        [HEAD + b"x" * 100_000 + b"\r\n--XX"],
        [HEAD],
    ],
)
async def test_an_upload_without_its_final_boundary_leaves_nothing(
    gateway: Gateway, directory: Path, parts: list[bytes]
) -> None:
    before = blobs(directory)
    answer = await send(gateway, *parts, headers=f"Content-Length: {sum(map(len, parts))}\r\n")
    assert problem(answer)["code"] == "incomplete_upload"
    assert blobs(directory) == before


async def test_a_client_that_falls_silent_is_not_waited_for(gateway: Gateway, directory: Path) -> None:
    before = blobs(directory)
    answer = await send(gateway, HEAD + b"x" * 100_000, headers="Content-Length: 200000\r\n")
    assert problem(answer)["code"] == "incomplete_upload"
    assert blobs(directory) == before


async def test_a_client_that_goes_away_leaves_nothing(gateway: Gateway, directory: Path) -> None:
    before = blobs(directory)
    host, port = gateway.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nX-Request-ID: gone-1\r\nContent-Length: 9000000\r\n"
        b"Content-Type: multipart/form-data; boundary=XX\r\n\r\n" + HEAD + b"x" * 3_000_000
    )
    await writer.drain()

    async def has_begun() -> bool:
        return blobs(directory) != before

    await until(has_begun, "the upload is being stored")
    writer.transport.abort()
    await gateway.logged("request", request_id="gone-1")

    async def is_gone() -> bool:
        return blobs(directory) == before

    await until(is_gone, "nothing of the upload is left")
    assert not [line for line in gateway.lines() if line["level"] == "error"]


async def test_the_same_bytes_are_stored_once(client: Client, pipeline: Pipeline, directory: Path) -> None:
    content = f"the same {new_id()}".encode()
    first = await upload(client, "first.md", content)
    for claim in await until(pipeline.work, "the upload can be claimed"):
        stored = await pipeline.store(pipeline.file(claim, "some text"))
        await pipeline.index(stored.indexing)
    await until(lambda: _status_is(client, first.body["run_id"], "succeeded"), "the first upload is served")
    before = blobs(directory)
    again = await upload(client, "second.md", content)
    assert (again.status, again.body["status"], again.body["reason"]) == (202, "skipped", "duplicate")
    assert again.body["duplicate_of"] == first.body["document_id"]
    assert blobs(directory) == before
    run = await client.get(f"/v1/ingestion-runs/{again.body['run_id']}")
    assert (run["status"], run["reason"]) == ("skipped", "duplicate")
    assert run["progress"]["percent"] == 100


async def _status_is(client: Client, run_id: str, status: str) -> bool:
    return bool((await client.get(f"/v1/ingestion-runs/{run_id}"))["status"] == status)


async def test_of_equal_uploads_at_once_one_goes_first_and_the_others_wait(client: Client) -> None:
    content = f"at once {new_id()}".encode()
    answers = await asyncio.gather(*(upload(client, f"twin-{number}.md", content) for number in range(4)))
    assert [answer.status for answer in answers] == [202] * 4
    assert {answer.body["status"] for answer in answers} == {"queued"}
    runs = [await client.get(f"/v1/ingestion-runs/{answer.body['run_id']}") for answer in answers]
    assert sorted(run["waiting_for"] == "earlier_version" for run in runs) == [False, True, True, True]


async def test_a_large_upload_costs_hardly_any_memory(client: Client, gateway: Gateway) -> None:
    await upload(client, "warm.txt", str(new_id()).encode() * 30_000)
    before = await gateway.resident_kib()
    answer = await upload(client, "large.txt", str(new_id()).encode() * 1_000_000)
    assert answer.status == 202
    assert await gateway.resident_kib() - before < 20_000
