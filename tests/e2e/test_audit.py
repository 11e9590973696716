"""What is planted in Weaviate, taken from it or lost with it is found and set right, from the rows alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

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


async def test_lost_weaviate_is_rebuilt_without_crawling_or_parsing(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    hits = site.hits.total()
    jobs = await truth.value("SELECT count(*) FROM jobs")
    await truth.wipe("weaviate")
    await asyncio.to_thread(truth.stack.wait_ready, "weaviate")
    await truth.converged()
    (best, *_) = await quern.search(LIMESCALE, source_ids=[source_id])
    assert best["url"] == site.url("/care.html")
    assert site.hits.total() == hits
    assert await truth.value("SELECT count(*) FROM jobs") == jobs
