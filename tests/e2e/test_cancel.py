"""A cancelled run is over: nothing of it runs afterwards, and nothing of it comes to light."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client, Json
    from support.e2e import Truth
    from support.sites import TestSite

PAGES = 60
"""More than the windows let through at once."""
HELD = ("/leaf-0.html", "/leaf-1.html")


async def test_cancelled_crawl_asks_for_nothing_more(
    quern: Client, truth: Truth, site: TestSite, twin: TestSite
) -> None:
    leaves = site_fixtures.wide(site, PAGES)
    for path in leaves:
        site.hold(path)
    source_id, run_id = await quern.add_site(site.url("/"))
    await asyncio.to_thread(site.wait_for_hits, HELD[0])
    await asyncio.to_thread(site.wait_for_hits, HELD[1])
    await quern.post(f"/v1/jobs/{run_id}/cancel", status=202)
    run = await quern.run(run_id)
    assert (run["status"], run["progress"]["total"]) == ("cancelled", PAGES + 1)
    assert run["progress"]["cancelled"] + run["progress"]["succeeded"] == PAGES + 1
    asked = set(site.hits)
    for path in leaves:
        site.release(path)
    # What another crawl of the same size takes is time enough for anything of this one to show.
    site_fixtures.wide(twin, PAGES)
    await quern.crawl(twin.url("/"))
    assert len(asked) < PAGES
    assert set(site.hits) - asked == set()
    statuses = {page["status"] for page in await quern.children(run_id)}
    assert statuses <= {"cancelled", "succeeded"}
    assert len(await quern.documents(source_id)) <= 1
    await quern.refused("POST", f"/v1/jobs/{run_id}/cancel", status=409, code="already_finished")
    await truth.converged()


async def test_page_of_a_cancelled_run_is_not_retried(quern: Client, site: TestSite) -> None:
    site.links("/", "/bad", "/slow", text="Start")
    site.refuse("/bad", 403)
    site.page("/slow", site_fixtures.page("Slow", ("Snail", "The snail takes its time.")))
    site.hold("/slow")
    source_id, run_id = await quern.add_site(site.url("/"))
    await asyncio.to_thread(site.wait_for_hits, "/slow")
    failures: list[Json] = await until(partial(quern.failures, source_id), "the bad page has failed")
    await quern.post(f"/v1/jobs/{run_id}/cancel", status=202)
    site.release("/slow")
    await quern.refused("POST", f"/v1/jobs/{failures[0]['id']}/retry", status=409, code="run_cancelled")


async def test_cancelled_source_can_be_crawled_again(quern: Client, truth: Truth, site: TestSite) -> None:
    site_fixtures.manual(site)
    site.hold("/care.html")
    source_id, run_id = await quern.add_site(site.url("/"))
    await asyncio.to_thread(site.wait_for_hits, "/care.html")
    await quern.post(f"/v1/jobs/{run_id}/cancel", status=202)
    site.release("/care.html")
    await quern.sync(source_id)
    assert len(await quern.documents(source_id)) == 4
    assert len(await quern.search("limescale", mode="keyword", source_ids=[source_id])) == 1
    await truth.converged()
