"""Following work: events of a run, its log, and one request id through all services."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.clock import new_id
from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client, Event
    from support.e2e import Truth
    from support.sites import TestSite


async def test_events_tell_progress_log_and_end(quern: Client, site: TestSite) -> None:
    site_fixtures.manual(site)
    site.hold("/care.html")
    _source_id, run_id = await quern.add_site(site.url("/"))
    events: list[Event] = []
    async for event in quern.events(run_id):
        events.append(event)
        waits = event.name == "progress" and event.data["progress"]["succeeded"] >= 1
        if waits and "/care.html" in site.hits and "/care.html" in site._held:
            site.release("/care.html")
    assert [event.name for event in events].count("done") == 1
    assert events[0].name == "progress"
    done = events[-1]
    assert (done.name, done.data["id"], done.data["status"]) == ("done", run_id, "succeeded")
    percents = [event.data["progress"]["percent"] for event in events if event.name == "progress"]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(percents) >= 3
    logged = [event for event in events if event.name == "log"]
    assert {"site_lists_read", "stored", "activated"} <= {event.data["message"] for event in logged}
    ids = [event.data["id"] for event in logged]
    assert ids == sorted(set(ids)), "each line once, in order"
    await resumed(quern, run_id, logged)


async def resumed(quern: Client, run_id: str, logged: list[Event]) -> None:
    """A client that comes back with an id gets what followed it, and nothing twice."""
    middle = logged[len(logged) // 2]
    again = [event async for event in quern.events(run_id, after=middle.id)]
    assert [event.data for event in again if event.name == "log"] == [
        event.data for event in logged if event.data["id"] > middle.data["id"]
    ]
    assert again[-1].name == "done"


async def test_log_of_a_job_pages_each_line_once(quern: Client, site: TestSite) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    runs = (await quern.get("/v1/ingestion-runs", source_id=source_id))["items"]
    (seed,) = [
        page
        for page in await quern.children(runs[0]["id"])
        if page["stats"].get("seconds", {}).get("discover")
    ]
    path = f"/v1/jobs/{seed['id']}/logs"
    everything = (await quern.get(path, limit=500))["items"]
    assert len(everything) >= 3
    found: list[int] = []
    while page := (await quern.get(path, limit=1, after=found[-1] if found else 0))["items"]:
        found += [line["id"] for line in page]
    assert found == [line["id"] for line in everything]
    assert (await quern.get(path, level="error"))["items"] == []


async def test_request_id_is_found_in_the_logs_of_every_service(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    request_id = f"follow-{new_id()}"
    answer = await quern.call(
        "POST",
        "/v1/sources",
        json={"type": "web", "url": site.url("/")},
        headers={"X-Request-ID": request_id},
    )
    assert answer.headers["X-Request-ID"] == request_id
    await quern.succeeded(answer.body["run"]["id"])
    pages = await quern.children(answer.body["run"]["id"])

    async def everywhere() -> bool:
        names = [process.name for process in truth.stack.file.processes]
        return all(
            any(truth.log_lines(name, request_id=request_id) for name in names if name.startswith(service))
            for service in ("gateway", "ingest-worker", "result-consumer")
        )

    await until(everywhere, "every service has logged the request id", seconds=20)
    lines = [
        line
        for name in ("ingest-worker-1", "ingest-worker-2")
        for line in truth.log_lines(name, request_id=request_id, event="task_delivered")
    ]
    assert sorted(line["job_id"] for line in lines) == sorted(page["id"] for page in pages)


async def test_source_tells_what_it_is_doing(quern: Client, site: TestSite) -> None:
    site_fixtures.manual(site)
    site.hold("/care.html")
    source_id, run_id = await quern.add_site(site.url("/"))
    await asyncio.to_thread(site.wait_for_hits, "/care.html")
    source = await quern.get(f"/v1/sources/{source_id}")
    assert (source["status"], source["last_run"]["id"]) == ("ingesting", run_id)
    second = await quern.post(f"/v1/sources/{source_id}/sync", status=202)
    waiting = await quern.run(second["run_id"])
    assert (waiting["status"], waiting["waiting_for"]) == ("queued", "earlier_version")
    site.release("/care.html")
    await quern.succeeded(second["run_id"])
    assert (await quern.get(f"/v1/sources/{source_id}"))["status"] == "idle"
