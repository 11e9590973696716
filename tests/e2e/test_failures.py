"""What fails is tried again where that can help, ends in failed_jobs where not, and can be replayed from there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from support import documents, site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Answer, Client
    from support.e2e import Truth
    from support.sites import TestSite

DEAD_RETRY_SECONDS = 8.0
"""As the stack has it."""
SENTENCE = "The heron stands in the reeds."


def good_page(site: TestSite, path: str) -> None:
    site.page(path, site_fixtures.page("Birds", ("Heron", SENTENCE)))


async def test_page_that_fails_does_not_fail_its_run(quern: Client, truth: Truth, site: TestSite) -> None:
    site.links("/", "/good", "/bad", "/missing", text="Start")
    good_page(site, "/good")
    site.refuse("/bad", 403)
    source_id, run_id = await quern.add_site(site.url("/"))
    run = await quern.succeeded(run_id)
    assert run["progress"] | {"total": 4, "succeeded": 2, "failed": 1, "skipped": 1} == run["progress"]
    pages = {page["url"]: page for page in (await quern.get(f"/v1/sources/{source_id}/pages"))["items"]}
    assert (pages[site.url("/bad")]["status"], pages[site.url("/bad")]["http_status"]) == ("failed", 403)
    assert (pages[site.url("/missing")]["status"], pages[site.url("/missing")]["reason"]) == (
        "skipped",
        "gone",
    )
    (failure,) = await quern.failures(source_id)
    assert (failure["error_code"], failure["retries"]) == ("http_error", 0)
    assert failure["payload"]["url"] == site.url("/bad")
    assert len(await quern.search("heron", mode="keyword", source_ids=[source_id])) == 1
    await truth.converged()


async def test_double_click_on_retry_runs_a_failed_page_once(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site.links("/", "/birds", text="Start")
    site.refuse("/birds", 403)
    source_id, run_id = await quern.add_site(site.url("/"))
    await quern.succeeded(run_id)
    (failure,) = await quern.failures(source_id)
    job = f"/v1/jobs/{failure['id']}"
    good_page(site, "/birds")
    site.hold("/birds")
    answers: list[Answer] = await asyncio.gather(*(quern.call("POST", f"{job}/retry") for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409]
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"already_retried"}
    assert [answer.body for answer in answers if answer.status == 202] == [{"job_id": failure["id"]}]
    assert (await quern.run(run_id))["status"] == "running", "the run is open again"
    assert await quern.failures(source_id) == []
    site.release("/birds")
    run = await quern.succeeded(run_id)
    assert (run["progress"]["succeeded"], run["progress"]["failed"]) == (2, 0)
    assert site.hits["/birds"] == 2
    retried = await quern.get(job)
    assert (retried["status"], retried["attempt"], retried["retries"]) == ("succeeded", 1, 1)
    assert [hit["text"] for hit in await quern.search("heron", source_ids=[source_id], mode="keyword")] == [
        SENTENCE
    ]
    await quern.refused("POST", f"{job}/retry", status=409, code="not_failed")
    await truth.converged()


async def test_failed_seed_is_retried_by_its_run(quern: Client, truth: Truth, site: TestSite) -> None:
    source_id, run_id = await quern.add_site(site.url("/"))
    await quern.failed(run_id, "http_error")
    site_fixtures.manual(site)
    await quern.post(f"/v1/jobs/{run_id}/retry", status=202)
    run = await quern.succeeded(run_id)
    assert run["progress"]["succeeded"] == 4
    assert run["error_code"] is None
    assert await quern.failures(source_id) == []
    await truth.converged()


async def test_retry_of_a_class_takes_only_that_class(quern: Client, truth: Truth, group: str) -> None:
    bodies = {
        "a.pdf": (documents.encrypted_pdf("one"), "encrypted"),
        "b.pdf": (documents.encrypted_pdf("two"), "encrypted"),
        "c.pdf": (documents.truncated_pdf(), "corrupt_file"),
    }
    uploads = [
        (await quern.upload(name, body, group_id=group), code) for name, (body, code) in bodies.items()
    ]
    for upload, code in uploads:
        await quern.failed(upload.run_id, code)
    ids = [upload.run_id for upload, _ in uploads]
    chosen = await quern.post("/v1/jobs/failed/retry", {"ids": ids[1:]}, status=202)
    assert chosen == {"retried": 2, "remaining": 0}
    for upload, code in uploads:
        await quern.failed(upload.run_id, code)
    retries = [(await quern.get(f"/v1/jobs/{key}"))["retries"] for key in ids]
    assert retries == [0, 1, 1]
    found = await quern.get("/v1/jobs/failed", error_code="corrupt_file", limit=500)
    assert ids[2] in {row["id"] for row in found["items"]}
    assert ids[0] not in {row["id"] for row in found["items"]}
    for upload, _ in uploads:
        await quern.delete(upload.source_id)
    await truth.converged()


async def test_dead_job_whose_class_allows_it_is_retried_by_itself(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site.refuse("/", 500)
    source_id, run_id = await quern.add_site(site.url("/"))
    await quern.failed(run_id, "http_error")
    wait = await truth.value(
        "SELECT extract(epoch FROM next_retry_at - created_at)::float FROM failed_jobs WHERE source_id = $1::text::uuid",
        source_id,
    )
    assert DEAD_RETRY_SECONDS * 0.9 < wait < DEAD_RETRY_SECONDS * 1.1
    good_page(site, "/")

    async def healed() -> bool:
        return bool((await quern.run(run_id))["status"] == "succeeded")

    await until(healed, "the janitor has retried it")
    (page,) = await quern.children(run_id)
    assert (page["attempt"], page["retries"]) == (1, 1)
    assert len(await quern.search("heron", mode="keyword", source_ids=[source_id])) == 1
    await truth.converged()


async def test_retry_after_is_honoured(quern: Client, site: TestSite) -> None:
    good_page(site, "/")
    site.refuse("/", 503, times=1, Retry_After="2")
    _source_id, run_id = await quern.add_site(site.url("/"))
    await quern.succeeded(run_id)
    (page,) = await quern.children(run_id)
    assert page["attempt"] == 2
    first, second = [request.at for request in site.requests if request.path == "/"]
    assert second - first >= 2.0


async def test_third_attempt_can_succeed(quern: Client, truth: Truth, site: TestSite) -> None:
    site.links("/", "/birds", text="Start")
    good_page(site, "/birds")
    site.refuse("/birds", 500, times=2)
    source_id, run_id = await quern.add_site(site.url("/"))
    run = await quern.succeeded(run_id)
    assert (run["progress"]["succeeded"], run["progress"]["failed"]) == (2, 0)
    attempts = {
        page["config"].get("url", page["id"]): page["attempt"] for page in await quern.children(run_id)
    }
    assert sorted(attempts.values()) == [1, 3]
    times = [request.at for request in site.requests if request.path == "/birds"]
    # RETRY_BASE_SECONDS is 0.3, with 20 % of jitter: 0.3 s, then 0.6 s.
    assert times[1] - times[0] >= 0.24
    assert times[2] - times[1] >= 0.48
    assert await quern.failures(source_id) == []
    await truth.converged()
