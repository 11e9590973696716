"""SIGTERM at bad moments: whatever is frozen or half done, every service ends well, in time, and spends nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from shared.settings import CLOSING_SECONDS
from support import documents, site_fixtures
from support.client import until
from support.memory import status_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

GRACE_SECONDS: Final = 4.0
"""QUERN_SHUTDOWN_GRACE_SECONDS of the stack."""
MARGIN_SECONDS: Final = 5.0
"""For the supervisor, and for noticing, on a busy machine."""
WORKERS: Final = ("ingest-worker-1", "ingest-worker-2")
SERVICES: Final = ("gateway", *WORKERS, "result-consumer-1", "janitor")
HELD: Final = "/leaf-3.html"


async def stopped(truth: Truth, *names: str) -> dict[str, float]:
    """Send SIGTERM to all of them at once; after how many seconds each had ended, with exit code 0."""

    async def one(name: str) -> float:
        before, began = len(truth.exit_words(name)), time.monotonic()
        await asyncio.to_thread(truth.stack.stop, name)
        took = time.monotonic() - began

        async def said() -> list[str]:
            return truth.exit_words(name)[before:]

        words = await until(said, f"the supervisor says how {name} ended")
        assert ["exit status 0" in word for word in words] == [True], (words, truth.stack.log(name)[-3000:])
        assert took <= GRACE_SECONDS + CLOSING_SECONDS + MARGIN_SECONDS, (name, took)
        return took

    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


async def started(truth: Truth, *names: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(truth.stack.start, name) for name in names))


@asynccontextmanager
async def frozen(truth: Truth, server: str) -> AsyncIterator[None]:
    await asyncio.to_thread(truth.stack.pause, server)
    try:
        yield
    finally:
        await asyncio.to_thread(truth.stack.resume, server)


async def spent(truth: Truth, run_id: str) -> set[tuple[int, int]]:
    """Attempts and reclaims of the work of a run."""
    rows = await truth.rows(
        "SELECT attempt, reclaims FROM jobs WHERE root_id = $1::text::uuid AND handler IS NOT NULL", run_id
    )
    return {(row["attempt"], row["reclaims"]) for row in rows}


async def stage(truth: Truth, run_id: str, wanted: str) -> None:
    async def is_there() -> Any:
        query = "SELECT true FROM jobs WHERE root_id = $1::text::uuid AND status = 'running' AND stage = $2"
        return await truth.value(query, run_id, wanted)

    await until(is_there, f"work of the run is {wanted}")


async def test_all_services_end_well_while_nsqd_is_silent_and_a_result_is_on_its_way(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.wide(site, 6)
    site.hold(HELD)
    _source_id, run_id = await quern.add_site(site.url("/"))

    async def owned() -> Any:
        return await truth.owner_of(site.url(HELD))

    await until(owned, "the held page is being worked on")
    try:
        async with frozen(truth, "nsqd"):
            site.release(HELD)
            await stopped(truth, *SERVICES)
    finally:
        await started(truth, *SERVICES)
    run = await quern.succeeded(run_id)
    assert run["progress"]["succeeded"] == 7
    assert await spent(truth, run_id) == {(1, 0)}
    await truth.converged()


async def test_all_services_end_well_while_postgres_is_silent(
    quern: Client, truth: Truth, site: TestSite, group: str
) -> None:
    site_fixtures.wide(site, 6)
    site.hold(HELD)
    _source_id, run_id = await quern.add_site(site.url("/"))
    upload = await quern.upload("a.md", b"# A\n\nThe first letter.\n", group_id=group)

    async def owned() -> Any:
        return await truth.owner_of(site.url(HELD))

    await until(owned, "the held page is being worked on")
    try:
        async with frozen(truth, "postgres"):
            site.release(HELD)
            await stopped(truth, *SERVICES)
    finally:
        await started(truth, *SERVICES)
    await quern.succeeded(run_id)
    await quern.succeeded(upload.run_id)
    # Nobody could say goodbye, so that some work may have been taken back when its lease was over: no attempt.
    assert {attempt for attempt, _ in await spent(truth, run_id)} == {1}
    await truth.converged()


async def test_all_services_end_well_while_weaviate_is_silent_in_the_middle_of_a_batch_and_a_delete(
    quern: Client, truth: Truth, group: str
) -> None:
    old = await quern.ingest("old.md", b"# Old\n\nThe oldest house.\n", group_id=group)
    try:
        async with frozen(truth, "weaviate"):
            new = await quern.upload("new.md", b"# New\n\nThe newest house.\n", group_id=group)
            await stage(truth, new.run_id, "indexing")
            await quern.delete(old.source_id)
            await stopped(truth, *SERVICES)
    finally:
        await started(truth, *SERVICES)
    await quern.succeeded(new.run_id)
    assert await spent(truth, new.run_id) == {(1, 0)}

    async def gone() -> bool:
        return not await truth.left_of(old.source_id)

    await until(gone, "the old source is removed")
    await truth.converged()


async def test_all_services_end_well_while_postgres_is_down(quern: Client, truth: Truth, group: str) -> None:
    await asyncio.to_thread(truth.stack.stop, "postgres")
    try:
        await stopped(truth, *SERVICES)
    finally:
        await asyncio.to_thread(truth.stack.start, "postgres")
        await started(truth, *SERVICES)
    await quern.ingest("b.md", b"# B\n\nThe second letter.\n", group_id=group)
    await truth.converged()


async def test_a_parse_that_takes_longer_than_the_grace_is_handed_back(
    quern: Client, truth: Truth, group: str
) -> None:
    upload = await quern.upload("slow.html", documents.slow_html(), group_id=group)
    await stage(truth, upload.run_id, "claimed")
    query = "SELECT w.instance, j.epoch FROM jobs j JOIN workers w ON w.id = j.worker_id WHERE j.id = $1::text::uuid"

    async def owner() -> Any:
        return await truth.rows(query, upload.run_id)

    ((first, epoch),) = await owner()
    took = (await stopped(truth, first))[first]
    try:
        assert took >= GRACE_SECONDS
        await until(owner, "another worker has it")
        ((second, next_epoch),) = await owner()
        assert (second != first, next_epoch) == (True, epoch + 1)
        assert await spent(truth, upload.run_id) == {(1, 0)}
    finally:
        await started(truth, first)
        await quern.post(f"/v1/jobs/{upload.run_id}/cancel", status=202)
    await quern.ended(upload.run_id)
    await truth.converged()


def form(body: bytes, name: str, group: str) -> tuple[bytes, bytes]:
    """The two halves of an upload as it goes over the wire."""
    whole = (
        f'--limit\r\nContent-Disposition: form-data; name="group_id"\r\n\r\n{group}\r\n'
        f'--limit\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/markdown\r\n\r\n"
    ).encode() + body + b"\r\n--limit--\r\n"  # fmt: skip
    head = (
        "POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {len(whole)}\r\n\r\n"
    ).encode()
    middle = len(whole) // 2
    return head + whole[:middle], whole[middle:]


async def test_uploads_under_way_are_taken_to_their_end_or_leave_nothing(
    quern: Client, truth: Truth, group: str
) -> None:
    blobs = truth.blobs()
    where = urlsplit(truth.stack.gateway_url)
    body = b"# Half\n\n" + b"The other half comes later. " * 2000
    first, second = form(body, "half.md", group)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    _, stuck = await asyncio.open_connection(where.hostname, where.port)
    for connection in (writer, stuck):
        connection.write(first)
        await connection.drain()

    async def coming_in() -> bool:
        partial = [path for path in truth.stack.layout.blobs.rglob("*") if path.is_file()]
        return len(partial) >= len(blobs) + 2

    await until(coming_in, "both uploads are coming in")
    stopping = asyncio.create_task(stopped(truth, "gateway"))
    try:

        async def hears_nobody() -> bool:
            try:
                _, new = await asyncio.open_connection(where.hostname, where.port)
            except OSError:
                return True
            new.close()
            return False

        await until(hears_nobody, "the gateway takes no new connections")
        writer.write(second)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.1 202 "), answer
        await stopping
    finally:
        await started(truth, "gateway")
        for connection in (writer, stuck):
            connection.close()
    (source,) = (await quern.get("/v1/sources", group_id=group))["items"]
    await quern.ended(source["last_run"]["id"])
    assert len(truth.blobs()) == len(blobs) + 1
    await truth.converged()


async def test_who_follows_a_run_sees_the_stream_end_in_good_order(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.wide(site, 4)
    site.hold(HELD)
    _source_id, run_id = await quern.add_site(site.url("/"))
    events = quern.events(run_id)
    cut = len(truth.log_lines("gateway", event="requests_cut_off"))
    seen = [(await anext(events)).name]
    stopping = asyncio.create_task(stopped(truth, "gateway"))
    try:
        seen += [event.name async for event in events]  # a stream that is cut short raises here
        await stopping
    finally:
        await started(truth, "gateway")
        site.release(HELD)
    assert "done" not in seen
    assert len(truth.log_lines("gateway", event="requests_cut_off")) == cut, "the stream ended by itself"
    await quern.succeeded(run_id)


@pytest.mark.parametrize("name", SERVICES)
async def test_further_signals_change_nothing(quern: Client, truth: Truth, name: str) -> None:
    before, pid = len(truth.exit_words(name)), truth.stack.pids[name]
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)

    def again() -> bool:
        """One signal more, for as long as there is somebody to take it."""
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        return "python" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")

    async def ended() -> list[str]:
        if status_bytes(pid, "VmRSS"):
            again()
        return truth.exit_words(name)[before:]

    (words,) = await until(ended, f"{name} has ended")
    assert "exit status 0" in words
    await asyncio.to_thread(truth.stack.wait_replaced, name, pid)
    await asyncio.to_thread(truth.stack.wait_ready, name)
    assert (await quern.get("/healthz"))["status"]


NOWHERE: Final = {
    "QUERN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "QUERN_NSQD_TCP": "127.0.0.1:1",
    "QUERN_NSQD_HTTP": "http://127.0.0.1:1",
    "QUERN_WEAVIATE_URL": "http://127.0.0.1:1",
    "QUERN_WEAVIATE_GRPC": "127.0.0.1:1",
    "QUERN_HTTP_PORT": "0",
    "QUERN_SHUTDOWN_GRACE_SECONDS": "2",
}


def heeds_sigterm(pid: int) -> bool:
    """Whether the process has a handler for it (SigCgt of proc_pid_status(5))."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


@pytest.mark.parametrize("package", ["gateway", "ingest_worker", "result_consumer", "janitor"])
@pytest.mark.parametrize("after_seconds", [0.0, 0.7, 2.5])
async def test_a_service_that_is_not_ready_yet_ends_well(
    package: str, after_seconds: float, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", package, cwd=tmp_path,
        env={**os.environ, **NOWHERE, "QUERN_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async def heeds() -> bool:
        return heeds_sigterm(process.pid)

    await until(heeds, "SIGTERM is heeded")
    await asyncio.sleep(after_seconds)  # at different points of its start; which ones does not matter
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 2 + CLOSING_SECONDS + MARGIN_SECONDS)
    assert process.returncode == 0, errors.decode()
