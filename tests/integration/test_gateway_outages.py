"""The gateway while what it needs is away, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from support.client import until
from support.gateways import Gateway, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.databases import Database
    from support.servers import NsqdServer, PostgresServer, WeaviateServer

SITE = {"type": "web", "url": "http://127.0.0.1:1/"}
QUICK = {
    "QUERN_DATABASE_CONNECT_TIMEOUT_SECONDS": "1",
    "QUERN_DATABASE_ACQUIRE_TIMEOUT_SECONDS": "1",
    "QUERN_STATEMENT_TIMEOUT_SECONDS": "1",
    "QUERN_LOCK_TIMEOUT_SECONDS": "0.5",
    "QUERN_READINESS_TIMEOUT_SECONDS": "1",
}


@pytest.fixture
async def gateway(database: Database, tmp_path: Path) -> AsyncIterator[Gateway]:
    """With Postgres and nothing else."""
    settings = environment(database_url=database.service_url, data_dir=tmp_path) | QUICK
    running = await Gateway.start(tmp_path / "log", settings)
    yield running
    await running.stop()


async def test_it_starts_and_lives_while_nothing_else_does(tmp_path: Path) -> None:
    settings = (
        environment(database_url="postgresql://nobody:pw-7@127.0.0.1:9/none", data_dir=tmp_path) | QUICK
    )
    gateway = await Gateway.start(tmp_path / "log", settings)
    try:
        assert (await gateway.client.call("GET", "/healthz")).status == 200
        ready = await gateway.client.call("GET", "/readyz")
        assert (ready.status, ready.body["status"]) == (503, "down")
        assert {name for name in ("postgres", "nsqd", "weaviate") if name in ready.body["reason"]} == {
            "postgres",
            "nsqd",
            "weaviate",
        }
        for method, path in (("GET", "/v1/sources"), ("POST", "/v1/sources")):
            answer = await gateway.client.call(method, path, json=SITE if method == "POST" else None)
            assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        page = await gateway.client.call("GET", "/")
        assert page.status == 200
        assert "Postgres does not answer" in page.body
        system = await gateway.client.get("/v1/system")
        assert {part["status"] for part in system["components"].values()} == {"down"}
    finally:
        assert await gateway.stop() == 0
    assert "pw-7" not in gateway.raw_log()
    assert not [line for line in gateway.lines() if line["level"] in {"error", "critical"}]


async def test_a_queue_that_is_down_delays_nobody(gateway: Gateway) -> None:
    async with asyncio.timeout(3):
        added = await gateway.client.post("/v1/sources", SITE, status=201)
    assert (added["run"]["status"], added["run"]["waiting_for"]) == ("queued", "nsqd")
    async with asyncio.timeout(3):
        answer = await gateway.client.call("DELETE", f"/v1/sources/{added['source']['id']}?force=true")
    assert answer.status == 202


async def test_a_database_that_hangs_costs_a_bounded_time_and_comes_back(
    gateway: Gateway, postgres_server: PostgresServer
) -> None:
    await gateway.client.get("/v1/stats")
    await asyncio.to_thread(postgres_server.pause)
    try:
        async with asyncio.timeout(25):
            answer = await gateway.client.call("GET", "/v1/stats")
        assert (answer.status, answer.body["code"]) == (503, "dependency_unavailable")
        assert (await gateway.client.call("GET", "/healthz")).status == 200
    finally:
        await asyncio.to_thread(postgres_server.resume)

    async def answers() -> bool:
        return (await gateway.client.call("GET", "/v1/stats")).status == 200

    await until(answers, "Postgres is used again")


async def test_it_is_ready_when_everything_is_there(
    database: Database, nsqd: NsqdServer, weaviate: WeaviateServer, tmp_path: Path
) -> None:
    settings = environment(database_url=database.service_url, data_dir=tmp_path, nsqd=nsqd, weaviate=weaviate)
    gateway = await Gateway.start(tmp_path / "log", settings)
    try:
        await gateway.ready()
        answer = await gateway.client.get("/readyz")
        assert answer["reason"] is None
        assert {state["status"] for state in answer["dependencies"].values()} == {"up"}
        await asyncio.to_thread(nsqd.kill9)

        async def unready() -> bool:
            return (await gateway.client.call("GET", "/readyz")).status == 503

        await until(unready, "the gateway sees that nsqd is gone")
        await asyncio.to_thread(nsqd.restart)
        await gateway.ready()
    finally:
        assert await gateway.stop() == 0


async def test_an_upload_under_way_is_finished_before_it_ends(gateway: Gateway, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield (
            b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n' + b"x" * 3_000_000
        )
        await go_on.wait()
        yield b"the end\r\n--XX--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=XX"}
    upload = asyncio.create_task(gateway.client.call("POST", "/v1/ingest", data=body(), headers=headers))

    async def has_begun() -> bool:
        return any(path.is_file() for path in (tmp_path / "blobs").rglob("*"))

    # What was sent may still wait in a socket's buffer: only what is being stored is under way.
    await until(has_begun, "the upload is being stored")
    gateway.terminate()
    await gateway.logged("service_stopping")
    go_on.set()
    assert (await upload).status == 202
    assert await gateway.stop() == 0


async def test_a_stream_of_events_ends_with_the_service(gateway: Gateway) -> None:
    run_id = (await gateway.client.post("/v1/sources", SITE, status=201))["run"]["id"]
    url = f"{gateway.url}/v1/ingestion-runs/{run_id}/events"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (await response.content.readline()).startswith(b"event: progress")
        gateway.terminate()
        async with asyncio.timeout(5):
            rest = await response.read()
    assert b"event: done" not in rest
    assert await gateway.stop() == 0


async def test_idle_connections_do_not_hold_it_up(gateway: Gateway) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    await gateway.client.get("/healthz")
    gateway.terminate()
    async with asyncio.timeout(5):
        assert await gateway.stop() == 0
    writer.close()
