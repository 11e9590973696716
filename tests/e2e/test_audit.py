"""What is planted in Weaviate, taken from it or lost with it is found and set right, from the rows alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

LIMESCALE = "limescale in the spout"


async def test_planted_and_removed_objects_are_found_and_counted(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    await truth.converged()
    before = (await quern.get("/v1/system/ledger"))["audit"]
    taken, *_ = await truth.objects(source_id=source_id)
    await truth.take_object(taken["id"])
    planted = {name: str(new_id()) for name in ("chunk_id", "source_id", "document_id", "batch_id")}
    await truth.plant_object(planted | {"type": "web", "language": "en", "text": "planted"})
    assert [item["chunk_id"] for item in await truth.objects(text="planted")] == [planted["chunk_id"]]
    await truth.converged()
    (again,) = await truth.objects(chunk_id=taken["chunk_id"])
    assert again["id"] != taken["id"], "an id that was sent once is never used again"

    async def counted() -> bool:
        audit = (await quern.get("/v1/system/ledger"))["audit"]
        return bool(audit["repaired"] >= before["repaired"] + 2)

    await until(counted, "the audit says what it repaired")
    assert len(await quern.search(LIMESCALE, mode="vector", source_ids=[source_id])) == 5


async def work_done(truth: Truth, site: TestSite) -> tuple[int, int, float]:
    """Requests to the site, jobs, and what workers have fetched, parsed and chunked."""
    stages = await truth.metric("quern_stage_duration_seconds_count", of="ingest-worker")
    return site.hits.total(), await truth.value("SELECT count(*) FROM jobs"), stages


async def test_objects_that_lie_about_themselves_are_replaced(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    await truth.converged()
    lying, *_ = await truth.objects(source_id=source_id)
    await truth.change_object(lying["id"], {"source_id": str(new_id())})
    await truth.converged()
    (again,) = await truth.objects(chunk_id=lying["chunk_id"])
    assert again["id"] != lying["id"]
    assert again["source_id"] == source_id


@pytest.mark.parametrize("lost", ["data", "collection", "tenant", "alias"])
async def test_what_weaviate_lost_is_rebuilt_without_crawling_or_parsing(
    quern: Client, truth: Truth, site: TestSite, lost: str
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    await truth.converged()
    before = await work_done(truth, site)
    if lost == "data":
        await truth.wipe("weaviate")
        await asyncio.to_thread(truth.stack.wait_ready, "weaviate")
    else:
        await truth.lose(lost)
    await truth.converged()

    async def found() -> bool:
        wanted = {"query": LIMESCALE, "filters": {"source_ids": [source_id]}}
        answer = await quern.call("POST", "/v1/search", json=wanted)
        return bool(answer.status == 200 and answer.body["items"])

    await until(found, "a search finds again what was lost")
    (best, *_) = await quern.search(LIMESCALE, source_ids=[source_id])
    assert best["url"] == site.url("/care.html")
    assert await work_done(truth, site) == before


async def test_the_index_is_rebuilt_on_demand_while_searches_find_everything(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    await truth.converged()
    before, old = (
        await work_done(truth, site),
        {one["id"] for one in await truth.objects(source_id=source_id)},
    )
    asked = await quern.post("/v1/reindex", {"source_id": source_id}, status=202)
    assert (await quern.post("/v1/reindex", {"source_id": source_id}, status=202))["id"] == asked["id"]
    searches = 0

    async def finished() -> bool:
        nonlocal searches
        hits = await quern.search(LIMESCALE, mode="vector", source_ids=[source_id], limit=50)
        assert len(hits) == len(old)
        searches += 1
        return (await quern.get(f"/v1/reindex/{asked['id']}"))["finished_at"] is not None

    await until(finished, "everything was indexed anew")
    assert searches > 3
    await truth.converged()
    new = {one["id"] for one in await truth.objects(source_id=source_id)}
    assert len(new) == len(old) == asked["total"]
    assert new.isdisjoint(old)
    assert await work_done(truth, site) == before


async def test_a_restored_postgres_and_its_weaviate_come_together(
    quern: Client, truth: Truth, site: TestSite, twin: TestSite
) -> None:
    site_fixtures.manual(site)
    site_fixtures.manual(twin)
    kept = await quern.crawl(site.url("/"))
    await truth.converged()
    backup = await truth.dump()
    # Since then one source was deleted and another one added.
    await quern.call("DELETE", f"/v1/sources/{kept}")
    later = await quern.crawl(twin.url("/"))
    await truth.converged()
    assert await truth.objects(source_id=later)
    before = await work_done(truth, site)
    await truth.restore(backup)

    async def compared() -> bool:
        rows = await truth.rows("SELECT full_since, full_reason FROM audit_watch")
        return bool(rows) and rows[0]["full_since"] is None and len(await truth.objects(source_id=kept)) > 0

    await until(compared, "everything was compared, and what Weaviate lacked is there again")
    await truth.converged()
    assert await truth.objects(source_id=later) == []
    (best, *_) = await quern.search(LIMESCALE, source_ids=[kept])
    assert best["url"] == site.url("/care.html")
    after = await work_done(truth, site)
    assert (after[0], after[2]) == (before[0], before[2])
    assert any(
        "Postgres is older" in line["reason"]
        for line in truth.log_lines("janitor", event="full_audit_begins")
    )
