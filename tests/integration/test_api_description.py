"""The gateway keeps what its OpenAPI description says, whatever is sent: tried by schemathesis on real servers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from support.gateways import Gateway, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database
    from support.servers import NsqdServer, WeaviateServer

CONFIG: Final = Path(__file__).parents[1] / "support" / "schemathesis.toml"
STREAMS: Final = "get_ingestion_run_events"
"""Ends when its run does, which nobody works on here: tests/e2e/test_following.py follows it."""

SEED: Final = "20260302"
MOST_SECONDS: Final = 280.0


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database,
    nsqd: NsqdServer,
    weaviate: WeaviateServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("described")
    servers = environment(
        database_url=module_database.service_url, data_dir=directory, nsqd=nsqd, weaviate=weaviate
    )
    running = await Gateway.start(directory / "log", servers)
    await running.ready()
    await seeded(running)
    yield running
    assert await running.stop() == 0


async def seeded(gateway: Gateway) -> None:
    """Something to list, show and refuse: sources, runs, a document that waits, and a job that was cancelled."""
    client = gateway.client
    group = await client.post("/v1/groups", {"name": "first"}, status=201)
    sites = [{"type": "web", "url": f"http://127.0.0.1:1/{n}/", "group_id": group["id"]} for n in range(3)]
    first, *_ = [(await client.post("/v1/sources", site, status=201))["run"]["id"] for site in sites]
    await client.post(f"/v1/jobs/{first}/cancel", status=202)


async def tried(gateway: Gateway, phases: str, examples: int, folder: Path) -> tuple[int, str]:
    """What schemathesis found: its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{gateway.url}/v1/openapi.json"),
        *("--phases", phases, "--checks", "all", "--exclude-checks", "ignored_auth"),
        *("--max-examples", str(examples), "--seed", SEED, "--generation-deterministic"),
        *("--exclude-operation-id", STREAMS, "--warnings", "off", "--no-color"),
        cwd=folder,
        env={**os.environ, "COLUMNS": "150"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(MOST_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace")


@pytest.mark.parametrize(("phases", "examples"), [("examples,coverage", 1), ("fuzzing,stateful", 5)])
async def test_answers_are_as_described_whatever_is_sent(
    gateway: Gateway, tmp_path: Path, phases: str, examples: int
) -> None:
    code, output = await tried(gateway, phases, examples, tmp_path)
    assert code == 0, output
    assert "Tested: 0" not in output
    assert [line for line in gateway.lines() if line["event"] == "request_failed"] == []
