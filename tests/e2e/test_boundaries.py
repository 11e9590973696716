"""A kill at each named boundary: whoever dies there, the work is done once, and nothing is lost, doubled or left behind.

Each test arms one boundary (``support.fatal``), waits until a process has killed itself exactly there, looks at what it
left while nobody has noticed its death yet, and then at the outcome. A lease of the stack is 6 s: that is the time for
looking.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import asyncpg
import pytest

from shared.clock import new_id
from support import site_fixtures
from support.client import Client, until
from support.e2e import Truth
from support.fatal_stack import FragileStack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from support.sites import TestSite
    from support.stacks import StackUnderTest

RECOVERY_SECONDS: Final = 60.0
CONSUMERS: Final = ("result-consumer-1", "result-consumer-2")
SENTENCES: Final = 3
NOTE: Final = "\n\n".join(
    f"## Part {n}\n\nThe {n}th part weighs {n} grams." for n in range(SENTENCES)
).encode()


@pytest.fixture(scope="module")
def fragile(
    make_stack: Callable[..., StackUnderTest],
    stack_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FragileStack]:
    """A stack of two workers and two consumers, of whom whoever comes to an armed boundary dies."""
    environment = {**stack_environment, "QUERN_RESULT_PART_BYTES": "40000"}
    made = FragileStack(
        make_stack(environment=environment, workers=2, consumers=2), tmp_path_factory.mktemp("fatal")
    )
    made.up()
    yield made
    made.stack.down()


@pytest.fixture(scope="module")
def quern(fragile: FragileStack, http: aiohttp.ClientSession) -> Client:
    return Client(http, fragile.stack.gateway_url)


@pytest.fixture(scope="module")
async def truth(fragile: FragileStack, http: aiohttp.ClientSession) -> AsyncIterator[Truth]:
    async with asyncpg.create_pool(fragile.stack.file.database_url, min_size=1, max_size=4) as postgres:
        yield Truth(stack=fragile.stack, session=http, postgres=postgres)


@asynccontextmanager
async def frozen(truth: Truth, *names: str) -> AsyncIterator[None]:
    """Nobody of these does anything meanwhile."""
    for name in names:
        await asyncio.to_thread(truth.stack.pause, name)
    try:
        yield
    finally:
        for name in names:
            await asyncio.to_thread(truth.stack.resume, name)


@dataclass(frozen=True)
class Left:
    """What a dead process has left behind of one unit of work."""

    job_id: str
    status: str
    stage: str | None
    epoch: int
    announced: bool
    chunks: int
    is_served: bool
    objects: tuple[str, ...]
    states: tuple[str, ...]
    batches: tuple[str, ...]


LEFT: Final = """
    SELECT j.id::text AS job_id, j.status, j.stage, j.epoch, j.announced_at IS NOT NULL AS announced,
        (SELECT count(*) FROM version_chunks vc WHERE vc.version_id = j.version_id) AS chunks,
        EXISTS (SELECT 1 FROM document_versions v WHERE v.source_id = j.source_id AND v.is_active) AS is_served,
        ARRAY(SELECT o.object_id::text FROM objects o WHERE o.source_id = j.source_id ORDER BY 1) AS objects,
        ARRAY(SELECT DISTINCT o.state FROM objects o WHERE o.source_id = j.source_id) AS states,
        ARRAY(SELECT DISTINCT b.state FROM objects o JOIN index_batches b ON b.batch_id = o.batch_id
              WHERE o.source_id = j.source_id) AS batches
    FROM jobs j WHERE j.root_id = $1 AND j.handler IS NOT NULL"""


async def left_behind(truth: Truth, run_id: str) -> Left:
    (row,) = await truth.rows(LEFT, run_id)
    found: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return Left(**found)


DONE: Final = """
    SELECT j.status, j.attempt, j.retries, j.reclaims, j.epoch,
        (SELECT count(*) FROM job_logs l WHERE l.job_id = j.id AND l.message = 'activated') AS activated,
        (SELECT count(*) FROM document_versions v WHERE v.job_id = j.id AND v.is_active) AS served,
        (SELECT count(*) FROM result_parts p WHERE p.job_id = j.id) AS parts
    FROM jobs j WHERE j.root_id = $1 AND j.handler IS NOT NULL"""


async def done_once(quern: Client, truth: Truth, run_id: str, *, reclaims: int) -> None:
    """The run's only unit of work has succeeded, once and at its first attempt, and all promises hold."""
    await quern.succeeded(run_id, seconds=RECOVERY_SECONDS)
    (row,) = await truth.rows(DONE, run_id)
    assert dict(row) == {
        "status": "succeeded",
        "attempt": 1,
        "retries": 0,
        "reclaims": reclaims,
        "epoch": 1 + reclaims,
        "activated": 1,
        "served": 1,
        "parts": 0,
    }
    await truth.converged()


async def objects_in_weaviate(truth: Truth, source_id: str) -> set[str]:
    return {found["id"] for found in await truth.objects(source_id=source_id)}


async def upload(quern: Client, name: str, body: bytes) -> tuple[str, str]:
    """Into a group of its own, so that equal bytes are no duplicates: source and run."""
    group = await quern.post("/v1/groups", {"name": f"group {new_id()}"}, status=201)
    uploaded = await quern.upload(name, body, group_id=group["id"])
    return uploaded.source_id, uploaded.run_id


@pytest.fixture
def page(site: TestSite) -> TestSite:
    """A site of one page."""
    site.page("/", site_fixtures.page("Kettle", ("Overview", "The copper kettle boils one litre of water.")))
    return site


async def crawl(quern: Client, page: TestSite) -> str:
    _source_id, run_id = await quern.add_site(page.url("/"), max_depth=0)
    return run_id


# The worker


async def test_worker_dies_after_the_claim(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    fragile.arm("claimed")
    run_id = await crawl(quern, page)
    await fragile.killed("claimed")
    left = await left_behind(truth, run_id)
    assert (left.status, left.stage, left.epoch) == ("running", "claimed", 1)
    assert page.hits["/"] == 0
    await done_once(quern, truth, run_id, reclaims=1)
    assert page.hits["/"] == 1


async def test_worker_dies_after_the_fetch(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    results = await truth.messages("ingest.result")
    fragile.arm("fetched")
    run_id = await crawl(quern, page)
    await fragile.killed("fetched")
    left = await left_behind(truth, run_id)
    assert (left.status, left.stage, left.epoch) == ("running", "claimed", 1)
    assert page.hits["/"] == 1
    assert await truth.messages("ingest.result") == results
    await done_once(quern, truth, run_id, reclaims=1)
    assert page.hits["/"] == 2


async def test_worker_dies_after_its_result_was_published(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    results = await truth.messages("ingest.result")
    fragile.arm("published")
    async with frozen(truth, *CONSUMERS):
        run_id = await crawl(quern, page)
        await fragile.killed("published")
        left = await left_behind(truth, run_id)
        assert (left.status, left.stage, left.epoch) == ("running", "claimed", 1)
        assert await truth.messages("ingest.result") == results + 1
    # The task message comes again, to a job that nobody need do again.
    await done_once(quern, truth, run_id, reclaims=0)
    assert page.hits["/"] == 1


async def test_worker_dies_between_the_parts_of_a_result(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    sentences = [f"Paragraph {n}. " + "The quern grinds slowly. " * 20 for n in range(300)]
    fragile.arm("part_published", at_call=3)
    source_id, run_id = await upload(quern, "long.md", "\n\n".join(sentences).encode())
    await fragile.killed("part_published")

    async def stored() -> int:
        count: int = await truth.value("SELECT count(*) FROM result_parts WHERE job_id = $1", run_id)
        return count

    assert await until(stored, "parts of the result are stored") <= 3
    left = await left_behind(truth, run_id)
    assert (left.status, left.stage, left.is_served) == ("running", "claimed", False)
    assert await truth.value("SELECT min(parts) FROM result_parts WHERE job_id = $1", run_id) > 3
    await done_once(quern, truth, run_id, reclaims=1)
    (document,) = await quern.documents(source_id)
    text = "\n".join(chunk["text"] for chunk in await quern.chunks(document["id"]))
    assert [text.count(f"Paragraph {n}. ") for n in range(300)] == [1] * 300


# The consumer


async def test_consumer_dies_after_it_stored_the_chunks(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    fragile.arm("stored")
    run_id = await crawl(quern, page)
    await fragile.killed("stored")
    left = await left_behind(truth, run_id)
    assert (left.status, left.stage, left.is_served, left.objects) == ("running", "indexing", False, ())
    assert left.chunks > 0
    await done_once(quern, truth, run_id, reclaims=0)
    assert page.hits["/"] == 1


async def test_consumer_dies_after_it_recorded_a_batch(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    fragile.arm("recorded")
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await fragile.killed("recorded")
    left = await left_behind(truth, run_id)
    assert (left.states, left.batches, left.is_served) == (("staged",), ("open",), False)
    assert await objects_in_weaviate(truth, source_id) == set()
    await done_once(quern, truth, run_id, reclaims=0)
    # What was recorded may have been sent: it is never used.
    assert await objects_in_weaviate(truth, source_id) & set(left.objects) == set()


async def test_consumer_dies_after_it_wrote_into_weaviate(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    fragile.arm("written")
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await fragile.killed("written")
    left = await left_behind(truth, run_id)
    assert (left.states, left.batches, left.is_served) == (("staged",), ("open",), False)
    assert len(left.objects) == left.chunks == SENTENCES
    assert await objects_in_weaviate(truth, source_id) == set(left.objects)
    assert await quern.search("weighs grams", mode="keyword", source_ids=[source_id]) == []
    await done_once(quern, truth, run_id, reclaims=0)
    now = await objects_in_weaviate(truth, source_id)
    assert len(now) == SENTENCES
    assert now & set(left.objects) == set()


async def test_consumer_dies_after_a_batch_is_verified(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    fragile.arm("verified")
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await fragile.killed("verified")
    left = await left_behind(truth, run_id)
    assert (left.states, left.batches, left.is_served) == (("staged",), ("verified",), False)
    assert await objects_in_weaviate(truth, source_id) == set(left.objects)
    await done_once(quern, truth, run_id, reclaims=0)
    # Whoever goes on finds them verified, and sends nothing again.
    assert await objects_in_weaviate(truth, source_id) == set(left.objects)


async def test_consumer_dies_after_the_activation(fragile: FragileStack, quern: Client, truth: Truth) -> None:
    group = (await quern.post("/v1/groups", {"name": f"group {new_id()}"}, status=201))["id"]
    async with frozen(truth, "janitor"):
        fragile.arm("activated")
        async with frozen(truth, *CONSUMERS):
            first = await quern.upload("note.md", NOTE, group_id=group)
            second = await quern.upload("note.md", NOTE + b"\n\nAnd one more.", group_id=group)
            assert second.source_id == first.source_id
        await fragile.killed("activated")
        done, waiting = await left_behind(truth, first.run_id), await left_behind(truth, second.run_id)
        assert (done.status, done.states, done.is_served) == ("succeeded", ("active",), True)
        # Nobody is left who would announce what waited for the first.
        assert (waiting.status, waiting.announced) == ("queued", False)
    await done_once(quern, truth, second.run_id, reclaims=0)
    found = await quern.search("one more", mode="keyword", group_ids=[group])
    assert [hit["text"] for hit in found if "one more" in hit["text"]]


# The gateway


async def gateway_dies(fragile: FragileStack, boundary: str, request: Any) -> None:
    with pytest.raises(aiohttp.ClientError):
        await request
    assert await fragile.killed(boundary) == "gateway"


async def test_gateway_dies_between_the_rows_of_a_crawl_and_its_announcement(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    async with frozen(truth, "janitor"):
        fragile.arm("crawl_accepted")
        await gateway_dies(fragile, "crawl_accepted", quern.add_site(page.url("/"), max_depth=0))
        run_id = await truth.value(
            "SELECT j.id::text FROM jobs j JOIN sources s ON s.id = j.source_id"
            " WHERE s.url = $1 AND j.parent_id IS NULL",
            page.url("/"),
        )
        left = await left_behind(truth, run_id)
        assert (left.status, left.announced, left.epoch) == ("queued", False, 1)
    await asyncio.to_thread(truth.stack.wait_ready, "gateway")
    # Who asks again, because there was no answer, is told that it is there already.
    await quern.refused(
        "POST",
        "/v1/sources",
        status=409,
        code="source_exists",
        json={"type": "web", "url": page.url("/"), "crawl": {}},
    )
    await done_once(quern, truth, run_id, reclaims=0)
    assert page.hits["/"] == 1


async def test_gateway_dies_between_the_rows_of_an_upload_and_its_announcement(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    group = (await quern.post("/v1/groups", {"name": f"group {new_id()}"}, status=201))["id"]
    async with frozen(truth, "janitor"):
        fragile.arm("upload_accepted")
        await gateway_dies(fragile, "upload_accepted", quern.upload(f"{group}.md", NOTE, group_id=group))
        run_id = await truth.value(
            "SELECT id::text FROM jobs WHERE type = 'upload' AND payload ->> 'file_name' = $1", f"{group}.md"
        )
        left = await left_behind(truth, run_id)
        assert (left.status, left.announced, left.epoch) == ("queued", False, 1)
    await asyncio.to_thread(truth.stack.wait_ready, "gateway")
    await done_once(quern, truth, run_id, reclaims=0)
    # The same bytes sent again, because there was no answer, are no second document.
    again = await quern.upload(f"{group}.md", NOTE, group_id=group)
    assert (await quern.ended(again.run_id))["status"] == "skipped"
    assert len(await quern.documents(again.source_id)) == 1
    await truth.converged()


async def test_gateway_dies_between_the_stamp_and_the_message(
    fragile: FragileStack, quern: Client, truth: Truth, page: TestSite
) -> None:
    tasks = await truth.messages("ingest.task")
    async with frozen(truth, "janitor"):
        fragile.arm("stamped")
        run_id = await crawl(quern, page)
        assert await fragile.killed("stamped") == "gateway"
        left = await left_behind(truth, run_id)
        assert (left.status, left.announced, left.epoch) == ("queued", True, 1)
        assert await truth.messages("ingest.task") == tasks
    await asyncio.to_thread(truth.stack.wait_ready, "gateway")
    await done_once(quern, truth, run_id, reclaims=0)
    assert page.hits["/"] == 1


# Deleting


RECEIPTS: Final = """
    SELECT outcome, (detail ->> 'objects_deleted')::int AS objects, (detail ->> 'read_back')::int AS left
    FROM audit_log WHERE action = 'source.deleted' AND target = $1"""


async def gone_once(truth: Truth, source_id: str, *, objects: int) -> None:
    """Nothing is left of it, and one receipt says how much it was."""

    async def deleted() -> bool:
        return bool(await truth.value("SELECT status FROM sources WHERE id = $1", source_id) == "deleted")

    await until(deleted, "the source is deleted", seconds=RECOVERY_SECONDS)
    assert await truth.left_of(source_id) == {}
    assert await objects_in_weaviate(truth, source_id) == set()
    receipts = [dict(row) for row in await truth.rows(RECEIPTS, source_id)]
    assert receipts == [{"outcome": "deleted", "objects": objects, "left": 0}]
    await truth.converged()


async def test_gateway_dies_between_a_delete_and_its_announcement(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await quern.succeeded(run_id)
    deletes = await truth.messages("source.delete")
    fragile.arm("delete_accepted")
    await gateway_dies(fragile, "delete_accepted", quern.delete(source_id))
    await asyncio.to_thread(truth.stack.wait_ready, "gateway")
    await gone_once(truth, source_id, objects=SENTENCES)
    assert await truth.messages("source.delete") == deletes
    await quern.refused("DELETE", f"/v1/sources/{source_id}", status=404, code="not_found")


async def test_janitor_dies_between_weaviate_and_the_rows_of_a_delete(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await quern.succeeded(run_id)
    fragile.arm("emptied")
    await quern.delete(source_id)
    await fragile.killed("emptied")
    assert await objects_in_weaviate(truth, source_id) == set()
    left = await truth.left_of(source_id)
    assert {"chunks", "documents", "versions", "jobs"} <= left.keys()
    assert await truth.value("SELECT status FROM sources WHERE id = $1", source_id) == "deleting"
    await gone_once(truth, source_id, objects=SENTENCES)


async def test_janitor_dies_between_the_rows_and_the_receipt_of_a_delete(
    fragile: FragileStack, quern: Client, truth: Truth
) -> None:
    source_id, run_id = await upload(quern, "note.md", NOTE)
    await quern.succeeded(run_id)
    fragile.arm("unreceipted")
    await quern.delete(source_id)
    await fragile.killed("unreceipted")
    assert await truth.left_of(source_id) == {}
    assert await truth.rows(RECEIPTS, source_id) == []
    assert await truth.value("SELECT status FROM sources WHERE id = $1", source_id) == "deleting"
    # The same file again, while the old one is not even gone: another source, which stays.
    again, second_run = await upload(quern, "note.md", NOTE)
    await quern.succeeded(second_run)
    await gone_once(truth, source_id, objects=SENTENCES)
    assert len(await objects_in_weaviate(truth, again)) == SENTENCES
