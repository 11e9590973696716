"""Cleanups, summaries and rebuilds of sources: whatever happens to their janitor, each ends once, and the ledger knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from support import site_fixtures
from support.client import TERMINAL, until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

OLD = 12_000
DOCUMENTS = 12
SENTENCES = 500

PLANT = """
WITH planted AS (
    INSERT INTO jobs (id, tenant_id, root_id, type, status, finished_at)
    SELECT k.id, t.id, k.id, 'upload', 'succeeded', now() - interval '40 days'
    FROM tenants t, (SELECT uuidv7() AS id FROM generate_series(1, $1)) k WHERE t.slug = 'default'
    RETURNING tenant_id, id
), told AS (
    INSERT INTO job_logs (tenant_id, job_id, root_id, level, message)
    SELECT tenant_id, id, id, 'info', 'stored' FROM planted
)
INSERT INTO ledger (tenant_id, accepted, succeeded) SELECT tenant_id, count(*), count(*) FROM planted GROUP BY tenant_id
"""
LEFT = "SELECT count(*) FROM jobs WHERE finished_at < now() - interval '39 days'"


async def start(quern: Client, kind: str, **payload: Any) -> str:
    started = await quern.post("/v1/jobs", {"type": kind, "payload": payload}, status=202)
    job_id: str = started["job_id"]
    return job_id


async def job(quern: Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await quern.get(f"/v1/jobs/{job_id}")
    return found


async def in_the_middle(quern: Client, job_id: str) -> None:
    async def is_halfway() -> bool:
        found = await job(quern, job_id)
        assert found["status"] not in TERMINAL, found
        return bool(found["progress"]["succeeded"])

    await until(is_halfway, "the job has done something")


async def ended(quern: Client, job_id: str) -> dict[str, Any]:
    async def is_over() -> dict[str, Any] | None:
        found = await job(quern, job_id)
        return found if found["status"] in TERMINAL else None

    over: dict[str, Any] = await until(is_over, "the job has ended")
    assert over["progress"]["percent"] == 100
    return over


async def messages(quern: Client, job_id: str) -> list[str]:
    return [line["message"] for line in (await quern.get(f"/v1/jobs/{job_id}/logs"))["items"]]


async def balanced(quern: Client) -> None:
    async def is_so() -> bool:
        return bool((await quern.get("/v1/system/ledger"))["balanced"])

    await until(is_so, "the ledger agrees with the rows")


async def test_a_cleanup_is_cancelled_and_another_one_survives_its_janitor(
    quern: Client, truth: Truth
) -> None:
    await truth.rows(PLANT, OLD)
    dry = await ended(quern, await start(quern, "cleanup", dry_run=True))
    assert (dry["status"], dry["stats"]["jobs"], dry["stats"]["log_lines"]) == ("succeeded", OLD, OLD)
    assert await truth.value(LEFT) == OLD

    first = await start(quern, "cleanup")
    await in_the_middle(quern, first)
    await quern.post(f"/v1/jobs/{first}/cancel", status=202)
    cancelled = await ended(quern, first)
    removed = cancelled["stats"]["jobs"]
    assert cancelled["status"] == "cancelled"
    assert cancelled["progress"]["cancelled"] > 0
    assert await truth.value(LEFT) == OLD - removed > 0, "what was removed is counted, the rest is there"
    await balanced(quern)

    second = await start(quern, "cleanup")
    await in_the_middle(quern, second)
    await truth.kill9("janitor")
    done = await ended(quern, second)
    assert (done["status"], done["stats"]["jobs"]) == ("succeeded", OLD - removed)
    assert await truth.value(LEFT) == 0
    assert await truth.value("SELECT reclaims FROM jobs WHERE id = $1", second) == 1
    assert "the worker was lost: queued again" in await messages(quern, second)
    assert (await quern.call("DELETE", f"/v1/jobs/{first}")).status == 204
    await balanced(quern)


def prose(number: int) -> bytes:
    lines = [
        f"Part {n} of manual {number} explains how valve {n % 13} of pump {n % 7} is cleaned with care."
        for n in range(SENTENCES)
    ]
    return "\n\n".join([f"# Manual {number}", *lines]).encode()


async def test_a_summarizer_goes_on_after_its_janitor_was_killed(
    quern: Client, truth: Truth, group: str
) -> None:
    uploaded = [
        await quern.ingest(f"manual-{number}.md", prose(number), group_id=group)
        for number in range(DOCUMENTS)
    ]
    ids = [one.document_id for one in uploaded]
    job_id = await start(quern, "summarizer", document_ids=ids, sentences=3)
    await in_the_middle(quern, job_id)
    await truth.kill9("janitor")
    done = await ended(quern, job_id)
    assert (done["status"], done["progress"]["succeeded"]) == ("succeeded", DOCUMENTS)
    for document_id in ids:
        summary = (await quern.get(f"/v1/documents/{document_id}"))["summary"]
        assert summary["is_current"]
        assert summary["method"] == "extractive"
        assert "valve" in summary["text"]
    await balanced(quern)


@pytest.mark.parametrize("what", ["killed", "cancelled"])
async def test_a_source_is_indexed_anew_as_a_run(
    quern: Client, truth: Truth, site: TestSite, what: str
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    await truth.converged()
    old = {one["id"] for one in await truth.objects(source_id=source_id)}
    stack = truth.stack
    await asyncio.to_thread(stack.pause, "result-consumer-1")
    try:
        body = {"source_ids": [source_id]}
        (started,) = (await quern.post("/v1/sources/reembed", body, status=202))["runs"]
        run_id = started["run_id"]

        async def noted() -> bool:
            return bool(await truth.value("SELECT noted FROM rebuilds WHERE job_id = $1", run_id))

        await until(noted, "the janitor has handed its objects over")
        assert (await quern.run(run_id))["status"] == "running"
        if what == "killed":
            await truth.kill9("janitor")
        else:
            await quern.post(f"/v1/jobs/{run_id}/cancel", status=202)
            until_gone = "SELECT count(*) = 0 FROM repairs WHERE rebuild_id IS NOT NULL"
            await until(lambda: truth.value(until_gone), "nothing of it waits any more")
    finally:
        await asyncio.to_thread(stack.resume, "result-consumer-1")
    run = await quern.ended(run_id)
    await truth.converged()
    new = {one["id"] for one in await truth.objects(source_id=source_id)}
    if what == "killed":
        assert (run["status"], run["progress"]["succeeded"]) == ("succeeded", len(old))
        assert new.isdisjoint(old)
        assert len(new) == len(old)
    else:
        assert run["status"] == "cancelled"
        assert await truth.value("SELECT reason FROM rebuilds WHERE job_id = $1", run_id) == "cancelled"
        assert new == old
    assert len(await quern.search("limescale", source_ids=[source_id])) > 0
    await balanced(quern)
