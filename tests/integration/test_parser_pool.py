"""The pool of parser processes, with real processes: what a document may do to them, and to those behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from ingest_worker.adapters.parser_pool import ParserPool, PoolTuning
from ingest_worker.adapters.parsers.dispatch import parse as parse_here
from ingest_worker.core.parse_request import ParseRequest
from shared.content_types import DocumentType
from shared.errors import DependencyUnavailableError, ErrorCode, WorkError
from support import documents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MIB = 1 << 20
DEADLINE_SECONDS = 30.0
SLOW = ParseRequest(kind=DocumentType.HTML, body=documents.slow_html())
PAGE = ParseRequest(kind=DocumentType.HTML, body=documents.manual_html(), url="https://a.example/")


@asynccontextmanager
async def running(*, processes: int = 1, memory_mib: int = 1024, **tuning: Any) -> AsyncIterator[ParserPool]:
    pool = ParserPool(processes=processes, memory_limit_bytes=memory_mib * MIB, tuning=PoolTuning(**tuning))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.aclose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the processes tell nobody
            await asyncio.sleep(0.01)


def exists(pid: int) -> bool:
    """Whether a process still runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def failure(pool: ParserPool, request: ParseRequest, *, seconds: float = 120) -> WorkError:
    with pytest.raises(WorkError) as caught:
        await pool.parse(request, timeout_seconds=seconds)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (DocumentType.HTML, documents.manual_html()),
        (DocumentType.MARKDOWN, b"# A\n\ntext"),
        (DocumentType.TEXT, b"text"),
        (DocumentType.PDF, documents.manual_pdf()),
        (DocumentType.DOCX, documents.word()),
        (DocumentType.CSV, documents.comma_separated()),
        (DocumentType.XLSX, documents.xlsx()),
        (DocumentType.XLS, documents.xls()),
        (DocumentType.PARQUET, documents.parquet()),
    ],
)
async def test_the_answer_is_that_of_the_parser(kind: DocumentType, body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(body)
    request = ParseRequest(kind=kind, path=path, filename=f"a.{kind}")
    async with running(memory_mib=512) as pool:
        assert await pool.parse(request, timeout_seconds=DEADLINE_SECONDS) == parse_here(request)


async def test_errors_of_a_document_come_as_they_are() -> None:
    async with running() as pool:
        pids = pool.pids
        error = await failure(pool, ParseRequest(kind=DocumentType.PDF, body=documents.encrypted_pdf()))
        assert error.code is ErrorCode.ENCRYPTED
        assert "password" in error.sentence
        assert pool.pids == pids


async def test_many_pages_at_once_each_get_their_own_answer() -> None:
    async with running(processes=2) as pool:
        requests = [ParseRequest(kind=DocumentType.TEXT, body=f"page {n}".encode()) for n in range(60)]
        answers = await asyncio.gather(
            *(pool.parse(request, timeout_seconds=DEADLINE_SECONDS) for request in requests)
        )
        assert [answer.markdown for answer in answers] == [f"page {n}" for n in range(60)]
        assert len(pool.pids) <= 2


async def test_a_large_answer_comes_whole_and_the_loop_goes_on_meanwhile() -> None:
    async with running() as pool:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        rows: list[list[Any]] = [["n", "text"], *([n, "word " * 50] for n in range(40_000))]
        body = documents.comma_separated(rows)
        parsed = await pool.parse(ParseRequest(kind=DocumentType.CSV, body=body), timeout_seconds=120)
        ticking.cancel()
        assert len(parsed.chunks) > 10_000
        assert parsed.chunks[-1].text.startswith("n: 399")
        assert ticks > 20


async def test_a_document_that_takes_too_long_is_killed_and_the_next_one_is_not() -> None:
    async with running() as pool:
        (pid,) = pool.pids
        error = await failure(pool, SLOW, seconds=0.5)
        assert (error.code, error.retryable) == (ErrorCode.PARSER_TIMEOUT, False)
        assert not exists(pid)
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


async def test_pages_do_not_wait_for_a_slow_one() -> None:
    async with running(quick_seconds=0.3) as pool:
        slow = asyncio.create_task(pool.parse(SLOW, timeout_seconds=60))
        await until(lambda: len(pool.pids) == 2 or slow.done())  # it has moved to the heavy lane
        for _ in range(10):
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_pages_do_not_wait_for_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(documents.slow_html())
    async with running(quick_max_bytes=100_000, quick_seconds=60) as pool:
        slow = asyncio.create_task(
            pool.parse(ParseRequest(kind=DocumentType.HTML, path=path), timeout_seconds=60)
        )
        await until(lambda: len(pool.pids) == 2)
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_a_document_that_only_needs_more_time_gets_it() -> None:
    rows: list[list[Any]] = [["n", "text"], *([n, "word " * 20] for n in range(15_000))]
    request = ParseRequest(kind=DocumentType.CSV, body=documents.comma_separated(rows))
    async with running(quick_seconds=0.05) as pool:
        parsed = await pool.parse(request, timeout_seconds=60)
        assert len(parsed.chunks) > 1_000


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_a_killed_process_costs_one_document(how: signal.Signals) -> None:
    async with running(quick_seconds=60) as pool:
        (pid,) = pool.pids
        work = asyncio.create_task(failure(pool, SLOW))
        await until(lambda: pool.busy == 1)
        os.kill(pid, how)
        error = await work
        assert (error.code, error.retryable) == (ErrorCode.PARSER_CRASHED, True)
        assert how.name in error.sentence
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


async def test_a_process_that_died_while_idle_is_not_given_a_document() -> None:
    async with running() as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not exists(pid))
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


async def test_a_document_that_needs_too_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"word " * (40 * MIB))
    async with running(memory_mib=192) as pool:
        error = await failure(pool, ParseRequest(kind=DocumentType.TEXT, path=path))
        assert (error.code, error.retryable) == (ErrorCode.TOO_LARGE, False)
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


async def test_a_document_that_burns_too_much_cpu() -> None:
    async with running(cpu_seconds=1, quick_seconds=60) as pool:
        error = await failure(pool, SLOW, seconds=60)
        assert error.code is ErrorCode.PARSER_TIMEOUT


async def test_cpu_time_is_counted_for_each_document() -> None:
    async with running(cpu_seconds=1) as pool:
        (pid,) = pool.pids
        started = monotonic()
        while monotonic() - started < 4:
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        assert pool.pids == [pid]


async def test_a_cancelled_document_frees_its_process() -> None:
    async with running(quick_seconds=60) as pool:
        (pid,) = pool.pids
        work = asyncio.create_task(pool.parse(SLOW, timeout_seconds=60))
        await until(lambda: pool.busy == 1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not exists(pid)
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


async def test_the_queue_is_bounded() -> None:
    async with running(quick_seconds=60, max_waiting=2) as pool:
        work = [asyncio.create_task(pool.parse(SLOW, timeout_seconds=60)) for _ in range(3)]
        await until(lambda: pool.waiting == 2)
        with pytest.raises(DependencyUnavailableError, match="wait for a parser"):
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        assert pool.waiting == 0


async def test_nobody_waits_for_ever() -> None:
    async with running(quick_seconds=60, wait_seconds=0.2) as pool:
        work = asyncio.create_task(pool.parse(SLOW, timeout_seconds=60))
        await until(lambda: pool.busy == 1)
        with pytest.raises(DependencyUnavailableError, match=r"within 0\.2 seconds"):
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_processes_are_replaced_after_so_many_documents() -> None:
    async with running(max_documents=3) as pool:
        seen = set()
        for _ in range(7):
            seen |= set(pool.pids)
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        assert len(seen) >= 2


async def test_a_process_that_has_grown_is_replaced() -> None:
    async with running(grown_bytes=1) as pool:
        (pid,) = pool.pids
        await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        await until(lambda: not exists(pid))


async def test_at_rest_one_light_process_stays(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.write_bytes(documents.parquet())
    async with running(processes=2, idle_seconds=0.3, rest_bytes=64 * MIB, quick_max_bytes=100_000) as pool:
        heavy = ParseRequest(kind=DocumentType.PARQUET, path=path)
        await asyncio.gather(*(pool.parse(request, timeout_seconds=60) for request in [heavy, PAGE, heavy]))
        old = set(pool.pids)
        await until(lambda: len(pool.pids) == 1 and all(resident(pid) < 64 * MIB for pid in pool.pids))
        # One that was let go is no longer listed, and takes a moment to end.
        await until(lambda: sum(exists(pid) for pid in old) <= 1)
        assert (await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)).title == "Widgets"


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_closing_ends_all_processes_and_what_they_do() -> None:
    async with running(quick_seconds=60) as pool:
        work = asyncio.create_task(failure(pool, SLOW))
        await until(lambda: pool.busy == 1)
        pids = pool.pids
        await pool.aclose()
        assert (await work).retryable
        assert not any(exists(pid) for pid in pids)
        with pytest.raises(DependencyUnavailableError, match="shutting down"):
            await pool.parse(PAGE, timeout_seconds=DEADLINE_SECONDS)
        await pool.aclose()


async def test_processes_see_no_secrets_and_no_files_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", "postgresql://user:hidden@db/x")
    with tempfile.TemporaryFile() as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - its only form
        async with running() as pool:
            assert not any("hidden" in environment(pid) for pid in pool.pids)
            assert all(len(open_files(pid)) <= 6 for pid in pool.pids)  # null, pipes in and out, and stderr


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def open_files(pid: int) -> list[Path]:
    return [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]


PARENT = """
import asyncio
from ingest_worker.adapters.parser_pool import ParserPool

async def main():
    pool = ParserPool()
    await pool.start()
    print(*pool.pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_processes_die_with_their_worker() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        (pid,) = map(int, (await worker.stdout.readline()).split())
    assert exists(pid)
    worker.kill()
    await worker.wait()
    await until(lambda: not exists(pid))


async def test_a_pool_that_cannot_start_says_so() -> None:
    pool = ParserPool(memory_limit_bytes=1 * MIB)
    with pytest.raises(DependencyUnavailableError, match="did not start"):
        await pool.start()
    await pool.aclose()
