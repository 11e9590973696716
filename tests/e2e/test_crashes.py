"""Whatever is killed or wiped in the middle of a crawl, the outcome is that of a crawl that nobody disturbed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.content import embedded_text
from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

PAGES = 40
HELD = ("/leaf-3.html", "/leaf-4.html")


@pytest.fixture
def held(site: TestSite) -> TestSite:
    """A site of many pages, some of which answer only when they are released."""
    site_fixtures.wide(site, PAGES)
    for path in HELD:
        site.hold(path)
    return site


async def in_the_middle(site: TestSite) -> None:
    """Wait until workers wait for the held pages, so that the run cannot end."""
    for path in HELD:
        await asyncio.to_thread(site.wait_for_hits, path)


async def owner(truth: Truth, url: str) -> str:
    """Wait until the page of this URL has a worker; its name."""

    async def found() -> str | None:
        return await truth.owner_of(url)

    name: str = await until(found, f"{url} is being worked on")
    return name


def release(site: TestSite) -> None:
    for path in HELD:
        site.release(path)


async def same_as_undisturbed(
    quern: Client, truth: Truth, site: TestSite, twin: TestSite, source_id: str
) -> None:
    """Compare with a crawl of a twin of the site; then look at the promises."""
    site_fixtures.wide(twin, PAGES)
    undisturbed = await quern.crawl(twin.url("/"))
    expected = await quern.contents(undisturbed, twin.url(""))
    assert len(expected) == PAGES + 1
    assert await quern.contents(source_id, site.url("")) == expected
    await truth.converged()
    await found_by_meaning(quern, source_id)


async def found_by_meaning(quern: Client, source_id: str) -> None:
    """Search everything, without a filter, for chunks by their own words."""
    for document in (await quern.documents(source_id))[::4]:
        for chunk in await quern.chunks(document["id"]):
            question = embedded_text(chunk["heading_path"], chunk["text"])
            hits = await quern.search(question, mode="vector", limit=50)
            assert chunk["chunk_id"] in {hit["chunk_id"] for hit in hits}


async def assert_nothing_was_lost(quern: Client, run_id: str) -> None:
    run = await quern.succeeded(run_id, seconds=90)
    assert (run["progress"]["total"], run["progress"]["succeeded"]) == (PAGES + 1, PAGES + 1), run
    assert {page["attempt"] for page in await quern.children(run_id)} == {1}, "an attempt was spent"


async def test_worker_killed_in_the_middle(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))
    await in_the_middle(held)
    await truth.kill9(await owner(truth, held.url(HELD[0])))
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)


async def test_consumer_killed_while_it_stores_and_indexes(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))

    async def indexing() -> int:
        count: int = await truth.value(
            "SELECT count(*) FROM jobs WHERE root_id = $1 AND (stage = 'indexing' OR status = 'succeeded')",
            run_id,
        )
        return count

    await until(indexing, "pages are being indexed")
    await truth.kill9("result-consumer-1")
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)


async def test_consumer_and_every_worker_killed_at_once(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))
    await in_the_middle(held)
    await asyncio.gather(*map(truth.kill9, ("ingest-worker-1", "ingest-worker-2", "result-consumer-1")))
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)


async def test_nsqd_loses_its_data_in_the_middle(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))
    await in_the_middle(held)
    await truth.wipe("nsqd")
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)


async def test_weaviate_killed_in_the_middle(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))
    await in_the_middle(held)
    await truth.kill9("weaviate")
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)


async def test_gateway_killed_keeps_what_it_had_accepted(
    quern: Client, truth: Truth, held: TestSite, twin: TestSite
) -> None:
    source_id, run_id = await quern.add_site(held.url("/"))
    await truth.kill9("gateway")
    await asyncio.to_thread(truth.stack.wait_ready, "gateway")
    release(held)
    await assert_nothing_was_lost(quern, run_id)
    await same_as_undisturbed(quern, truth, held, twin, source_id)
