"""The janitor as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from shared.clock import new_id
from shared.contracts.messages import DeleteMessage, encode
from shared.vectors import Deadlines, WeaviateStore
from support.client import until
from support.gateways import NOBODY, environment
from support.pipeline import CALLER, COLLECTION, DEFAULT_TENANT, Pipeline
from support.rows import TENANT, add_content, index_content

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from support.databases import Database
    from support.servers import NsqdServer, WeaviateServer

STOP_SECONDS: Final = 40.0

#: Everything comes round quickly.
QUICK: Final = {
    "QUERN_ANNOUNCE_PERIOD_SECONDS": "0.2",
    "QUERN_RECLAIM_PERIOD_SECONDS": "0.2",
    "QUERN_DELETE_PERIOD_SECONDS": "0.2",
    "QUERN_UPKEEP_PERIOD_SECONDS": "0.3",
    "QUERN_FIGURES_PERIOD_SECONDS": "0.3",
    "QUERN_AUDIT_PERIOD_SECONDS": "0.3",
    "QUERN_SWEEP_PERIOD_SECONDS": "0.5",
    "QUERN_LEASE_SECONDS": "3",
}


class Janitor:
    """A running janitor."""

    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self) -> list[dict[str, Any]]:
        # The last line may be half written.
        return [json.loads(line) for line in self._log.read_text().split("\n")[:-1]]

    async def logged(self, event: str) -> dict[str, Any]:
        async def found() -> dict[str, Any] | None:
            assert self.process.returncode is None, self._log.read_text()
            return next((line for line in self.lines() if line["event"] == event), None)

        line: dict[str, Any] = await until(found, f"{event} is logged")
        return line

    async def get(self, path: str) -> tuple[int, str]:
        port = (await self.logged("admin_listening"))["port"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status, await response.text()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def janitor(log: Path, settings: Mapping[str, str]) -> AsyncIterator[Janitor]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "janitor", env={**os.environ, **settings}, stdout=output, stderr=output
        )
    running = Janitor(process, log)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def vectors(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    store = await WeaviateStore.open(
        url=weaviate.url, grpc_address=weaviate.grpc, api_key=weaviate.api_key, deadlines=Deadlines()
    )
    await store.drop_collection(COLLECTION)
    yield store
    await store.close()


async def publish(nsqd: NsqdServer, body: bytes) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{nsqd.http}/pub", params={"topic": "source.delete"}, data=body) as response,
    ):
        assert response.status == 200


async def test_it_lives_while_everything_is_down_says_so_once_and_stops_in_order(tmp_path: Path) -> None:
    settings = environment(database_url=f"postgresql://nobody:secret@{NOBODY}/nothing", data_dir=tmp_path)
    async with janitor(tmp_path / "janitor.log", {**settings, **QUICK}) as running:

        async def every_task_has_failed() -> bool:
            failed = {line.get("task") for line in running.lines() if line["event"] == "periodic_task_waits"}
            return len(failed) >= 15

        await until(every_task_has_failed, "every task has met the outage")
        assert (await running.get("/healthz"))[0] == 200
        status, body = await running.get("/readyz")
        assert status == 503
        assert {
            name for name, state in json.loads(body)["dependencies"].items() if state["status"] == "down"
        } == {
            "postgres",
            "nsqd",
            "weaviate",
        }
        told = Counter(line["task"] for line in running.lines() if line["event"] == "periodic_task_waits")
        assert set(told.values()) == {1}
        assert "secret" not in (tmp_path / "janitor.log").read_text()
        assert await running.stop() == 0


async def test_messages_wake_it_up_and_those_that_mean_nothing_are_kept(
    pipeline: Pipeline,
    database: Database,
    nsqd: NsqdServer,
    weaviate: WeaviateServer,
    vectors: WeaviateStore,
    tmp_path: Path,
) -> None:
    made = await add_content(pipeline.database, documents=2, chunks_each=3)
    await index_content(vectors, made)
    settings = environment(database_url=database.service_url, data_dir=tmp_path, nsqd=nsqd, weaviate=weaviate)
    # By itself it would look for sources to delete in an hour.
    slow = {"QUERN_DELETE_PERIOD_SECONDS": "3600"}
    async with janitor(tmp_path / "janitor.log", {**settings, **QUICK, **slow}) as running:
        await until(lambda: _is_ready(running), "the janitor is ready")
        assert await pipeline.value("SELECT kind FROM workers WHERE kind = 'janitor'") == "janitor"
        await publish(nsqd, b"nonsense")
        await publish(nsqd, encode(DeleteMessage(source_id=new_id(), tenant_id=DEFAULT_TENANT)))
        await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)
        message = DeleteMessage(source_id=made.source_id, tenant_id=DEFAULT_TENANT, request_id="req-7")
        await publish(nsqd, encode(message))

        assert (await running.logged("source_deleted"))["request_id"] == "req-7"
        assert await vectors.count(COLLECTION, TENANT) == 0

        async def dead() -> Any:
            return await pipeline.value("SELECT topic FROM dead_messages")

        assert await until(dead, "the message is kept") == "source.delete"

        async def shown() -> str | None:
            text = (await running.get("/metrics"))[1]
            return text if "quern_ledger_imbalance 0.0" in text else None

        assert "quern_janitor_task_duration_seconds" in str(
            await until(shown, "the ledger is shown as balanced")
        )
        assert await running.stop() == 0
        assert await pipeline.value("SELECT count(*) FROM workers WHERE kind = 'janitor'") == 0


async def _is_ready(running: Janitor) -> bool:
    return (await running.get("/readyz"))[0] == 200


async def test_a_delete_goes_on_where_a_killed_janitor_left_it(
    pipeline: Pipeline,
    database: Database,
    nsqd: NsqdServer,
    weaviate: WeaviateServer,
    vectors: WeaviateStore,
    tmp_path: Path,
) -> None:
    made = await add_content(pipeline.database, documents=30, chunks_each=200)
    await index_content(vectors, made)
    await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)
    settings = environment(database_url=database.service_url, data_dir=tmp_path, nsqd=nsqd, weaviate=weaviate)

    async def begun() -> Any:
        return await pipeline.value("SELECT count(*) FROM objects WHERE state = 'deleting'")

    async with janitor(tmp_path / "first.log", {**settings, **QUICK}) as first:
        await until(begun, "the removal has begun")
        first.process.kill()
        await first.process.wait()
    assert await pipeline.value("SELECT status FROM sources WHERE id = $1", made.source_id) == "deleting"

    async with janitor(tmp_path / "second.log", {**settings, **QUICK}) as second:
        receipt = (await second.logged("source_deleted"))["receipt"]
    assert receipt["objects_deleted"] == 6000
    assert receipt["chunks"] == receipt["places"] == 6000
    assert await vectors.count(COLLECTION, TENANT, source_id=made.source_id) == 0
    await pipeline.assert_balanced()
