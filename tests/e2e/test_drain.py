"""SIGTERM: what is under way gets its grace, the rest is handed back; nothing is lost and no attempt is spent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

PAGES = 30
HELD = "/leaf-7.html"
GRACE_SECONDS = 4.0
"""QUERN_SHUTDOWN_GRACE_SECONDS of the stack."""
MARGIN_SECONDS = 15.0
"""For handing back and closing, on a busy machine."""


async def stop(truth: Truth, name: str) -> float:
    """Send SIGTERM and wait for the end, which must be a good one; how long it took."""
    before = len(truth.exit_words(name))
    began = time.monotonic()
    await asyncio.to_thread(truth.stack.stop, name)
    took = time.monotonic() - began

    async def said() -> list[str]:
        return truth.exit_words(name)[before:]

    (words,) = await until(said, f"the supervisor says how {name} ended")
    assert "exit status 0" in words
    return took


async def owner(truth: Truth, url: str) -> str:
    async def found() -> str | None:
        return await truth.owner_of(url)

    name: str = await until(found, f"{url} is being worked on")
    return name


async def test_worker_hands_back_what_does_not_end_in_time(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.wide(site, PAGES)
    site.hold(HELD)
    _source_id, run_id = await quern.add_site(site.url("/"))
    first = await owner(truth, site.url(HELD))
    took = await stop(truth, first)
    try:
        assert GRACE_SECONDS <= took < GRACE_SECONDS + MARGIN_SECONDS
        # Another worker has it now, without waiting for a lease to lapse.
        second = await owner(truth, site.url(HELD))
        assert second != first
        site.release(HELD)
        run = await quern.succeeded(run_id)
    finally:
        await asyncio.to_thread(truth.stack.start, first)
    assert run["progress"]["succeeded"] == PAGES + 1
    (page,) = await truth.rows(
        "SELECT attempt, reclaims, epoch FROM jobs WHERE root_id = $1::text::uuid AND payload ->> 'url' = $2",
        run_id,
        site.url(HELD),
    )
    assert dict(page) == {"attempt": 1, "reclaims": 0, "epoch": 2}
    await truth.converged()


async def test_idle_worker_ends_at_once(quern: Client, truth: Truth) -> None:
    took = await stop(truth, "ingest-worker-1")
    await asyncio.to_thread(truth.stack.start, "ingest-worker-1")
    assert took < MARGIN_SECONDS


async def test_consumer_stops_in_the_middle_and_goes_on_where_it_was(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.wide(site, PAGES)
    _source_id, run_id = await quern.add_site(site.url("/"))

    async def some_stored() -> bool:
        return len(await quern.children(run_id)) > 1

    await until(some_stored, "links of the first page are stored")
    took = await stop(truth, "result-consumer-1")
    try:
        assert took < GRACE_SECONDS + MARGIN_SECONDS
        assert (await quern.get("/readyz"))["status"] == "up", "other services do not need a consumer to live"
    finally:
        await asyncio.to_thread(truth.stack.start, "result-consumer-1")
    run = await quern.succeeded(run_id)
    assert run["progress"]["succeeded"] == PAGES + 1
    assert {page["attempt"] for page in await quern.children(run_id)} == {1}
    await truth.converged()
