"""Whatever sites and files do, every service stays small and alive, and others' work goes on. With the default limits."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from support import documents, hostile, site_fixtures
from support.client import TERMINAL, Client, until
from support.e2e import Truth
from support.fetchers import RawServer
from support.memory import MIB, MemoryWatch
from support.site_answers import Page
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import aiohttp

    from support.stacks import StackUnderTest

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORKERS: Final = 2
SLOTS: Final = 16
"""QUERN_WORKER_SLOTS by default."""
WINDOW: Final = 2 * WORKERS * SLOTS
"""QUERN_WINDOW_PER_SLOT for each slot."""
PAGE_TIMEOUT_SECONDS: Final = 15
CROWD: Final = 1000
BACKLOG: Final = 5000
SERVICES: Final = ("gateway", "ingest-worker-1", "ingest-worker-2", "result-consumer-1", "janitor")

#: Peak resident memory in MiB that no process may pass here; docs/operations/limits.md says what it is made of.
MOST_MIB: Final = {
    "gateway": 300,
    "ingest-worker-1": 500,
    "ingest-worker-2": 500,
    "result-consumer-1": 500,
    "janitor": 200,
}
PARSER_MOST_MIB: Final = 2048 + 256
"""QUERN_PARSER_MEMORY_BYTES limits data; libraries and the mapped file come on top."""
OTHERS_MOST_SECONDS: Final = 60.0
"""What an ordinary upload may take on two cores beside all this."""


@pytest.fixture(scope="module")
def roomy(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    made = make_stack(
        environment={
            "QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8",
            "QUERN_CRAWL_DELAY_MS": "0",
            "QUERN_RETRY_BASE_SECONDS": "0.1",
            "QUERN_DEAD_RETRY_SECONDS": "0",
            "QUERN_PAGE_TIMEOUT_SECONDS": str(PAGE_TIMEOUT_SECONDS),
            "QUERN_PAGE_PARSE_TIMEOUT_SECONDS": "20",
            "QUERN_FILE_PARSE_TIMEOUT_SECONDS": "60",
            "QUERN_ROBOTS_RETRY_SECONDS": "0.1",
            "QUERN_SUPERSEDED_GRACE_SECONDS": "20",
            # A batch that a busy Weaviate refused is over soon enough for the quiet that is waited for at the end.
            "QUERN_INDEX_BATCH_SECONDS": "40",
            "QUERN_ABANDONED_SECONDS": "30",
            "QUERN_DELETE_PERIOD_SECONDS": "0.5",
            "QUERN_UPKEEP_PERIOD_SECONDS": "1",
            "QUERN_FIGURES_PERIOD_SECONDS": "2",
        },
        workers=WORKERS,
    )
    made.up()
    return made


@dataclass
class Others:
    """Somebody else, who uploads a small file again and again."""

    took: list[float] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, client: Client) -> None:
        group = (await client.post("/v1/groups", {"name": "others"}, status=201))["id"]
        while not self.enough.is_set():
            started = time.monotonic()
            name = f"note-{len(self.took)}.md"
            await client.ingest(name, f"# {name}\n\nNumber {len(self.took)}.\n".encode(), group_id=group)
            self.took.append(time.monotonic() - started)
            await asyncio.sleep(0.5)  # between two of them; nothing waits for it


@dataclass
class Scene:
    """A stack that is watched from its start to the end of this module."""

    client: Client
    truth: Truth
    watch: MemoryWatch
    others: Others
    pids: dict[str, int]
    going_on: asyncio.Task[None]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(roomy: StackUnderTest, http: aiohttp.ClientSession) -> AsyncIterator[Scene]:
    pids = {name: roomy.pids[name] for name in SERVICES}
    others = Others()
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(
            asyncpg.create_pool(roomy.file.database_url, min_size=1, max_size=2)
        )
        truth = Truth(stack=roomy, session=http, postgres=postgres)
        client = Client(http, roomy.gateway_url)
        watch = stack.enter_context(MemoryWatch(pids))
        going_on = asyncio.create_task(others.work(client))
        try:
            yield Scene(client, truth, watch, others, pids, going_on)
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)


@pytest.fixture
def site() -> Iterator[TestSite]:
    with TestSite() as made:
        yield made


# Pages


def body(
    data: bytes, encoding: str | None = None, *, content_type: str = "text/html; charset=utf-8"
) -> Callable[[TestSite, str], None]:
    def prepare(site: TestSite, path: str) -> None:
        headers = {} if encoding is None else {"Content-Encoding": encoding}
        site.page(path, data, content_type=content_type, headers=headers, etag=False)

    return prepare


def loop(site: TestSite, path: str) -> None:
    site.redirect(path, path + "/again")
    site.redirect(path + "/again", path)


LARGE: Final[set[str | None]] = {"too_large"}
#: Seconds of one core: the machine, and what else runs on it, decide whether the parser's time is enough.
SLOW: Final[set[str | None]] = {None, "parser_timeout"}

#: What a page does, and the codes with which it may end; None is a page that was read.
PAGES: Final[dict[str, tuple[Callable[[TestSite, str], None], set[str | None]]]] = {
    "200-mb": (lambda site, path: site.answer(path, Page(bytes(200 * MIB), etag=False)), LARGE),
    "endless": (lambda site, path: site.endless(path), LARGE),
    "drip": (lambda site, path: site.drip(path), {"timeout"}),
    "gzip": (body(gzip.compress(bytes(400 * MIB), 6), "gzip"), LARGE),
    "gzip-in-gzip": (
        body(gzip.compress(gzip.compress(bytes(200 * MIB), 6)), "gzip"),
        {"unsupported_type"},
    ),
    "gzip-twice": (body(gzip.compress(gzip.compress(b"<p>x")), "gzip, gzip"), {"unsupported_type"}),
    "brotli": (body(hostile.brotli_bomb(400), "br"), LARGE),
    "deflate": (body(hostile.deflate_bomb(400), "deflate"), LARGE),
    "zstd": (body(b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"), {"unsupported_type"}),
    "redirects": (loop, {"too_many_redirects"}),
    "links": (body(hostile.many_links_html(1_000_000)), SLOW),
    "nested-100": (body(documents.nested_html(100)), {None}),
    "nested-tags": (body(hostile.many_tags_html(1_000_000)), SLOW),
    "attributes": (body(documents.slow_html()), SLOW),
    "pdf": (body(hostile.pdf_stream_bomb(500), content_type="application/pdf"), {"empty_content"}),
}  # fmt: skip


async def test_pages_that_mean_harm_end_with_a_code_or_are_read(scene: Scene, site: TestSite) -> None:
    runs = {}
    for name, (prepare, _) in PAGES.items():
        prepare(site, f"/{name}")
        runs[name] = await scene.client.add_site(
            site.url(f"/{name}"), max_pages=5, max_depth=1, use_sitemap=False, use_llms_txt=False
        )
    for name, (_, codes) in PAGES.items():
        run = await scene.client.ended(runs[name][1], seconds=120)
        assert run["error_code"] in codes, (name, run)
        assert run["status"] == ("failed" if run["error_code"] else "succeeded"), (name, run)
        assert run["progress"]["total"] <= 5, (name, run)


OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@asynccontextmanager
async def liar(first: bytes, piece: bytes = b"", *, then_close: bool = False) -> AsyncIterator[str]:
    """A server that says something about its answer that is not so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        await writer.drain()
        while piece:
            writer.write(piece)
            await writer.drain()
        if not then_close:
            await reader.read()

    async with RawServer(talk).serving() as url:
        yield url


LIES: Final[dict[str, tuple[dict[str, Any], set[str | None]]]] = {
    "less than it sends": (
        # The twenty bytes are a page, unless the surplus came in the same packet: then it is no HTTP.
        {"first": OK + b"Content-Length: 20\r\n\r\n", "piece": b"<p>word</p>" * 6000},
        {None, "unreachable"},
    ),
    "more than it sends": (
        {"first": OK + b"Content-Length: 9000000\r\n\r\n<p>word", "then_close": True},
        {"unreachable"},
    ),
    "more than it ever sends": ({"first": OK + b"Content-Length: 9000000\r\n\r\n<p>word"}, {"timeout"}),
    "nothing at all": ({"first": OK + b"\r\n", "piece": b"<p>word</p>" * 6000}, LARGE),
    "headers without end": (
        {"first": b"HTTP/1.1 200 OK\r\n", "piece": b"X-A: " + b"a" * 8000 + b"\r\n"},
        {"unreachable"},
    ),
    "very many headers": (
        {"first": OK + b"".join(b"X-%d: a\r\n" % n for n in range(200_000)) + b"\r\n<p>word"},
        {"unreachable"},
    ),
}


async def test_servers_that_lie_about_their_answers_cost_no_memory(scene: Scene) -> None:
    async with AsyncExitStack() as servers:
        runs = {}
        for name, (how, _) in LIES.items():
            url = await servers.enter_async_context(liar(**how))
            runs[name] = await scene.client.add_site(
                url, max_pages=1, respect_robots=False, use_sitemap=False, use_llms_txt=False
            )
        for name, (_, codes) in LIES.items():
            run = await scene.client.ended(runs[name][1])
            assert run["error_code"] in codes, (name, run)


# Sites


def entry(location: str) -> bytes:
    return f"<url><loc>{location}</loc></url>\n".encode()


async def test_lists_of_pages_that_mean_harm_do_not_keep_a_site_from_being_crawled(
    scene: Scene, site: TestSite
) -> None:
    site.page("/", site_fixtures.page("Home", ("Door", "The door is open.")))
    site.page("/robots.txt", hostile.gzip_of(b"Allow: /\n" * 1000, 20_000), content_type="text/plain",
              headers={"Content-Encoding": "gzip"}, etag=False)  # fmt: skip
    index = [site.url("/sitemap.xml"), site.url("/packed.xml.gz"), site.url("/sitemap.xml?again")]
    site.sitemap(index, index=True)
    packed = gzip.compress(
        b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">' + entry(site.url("/listed.html"))
    ) + hostile.gzip_of(entry(site.url("/x")) * 1000, 10_000)
    site.page("/packed.xml.gz", packed, content_type="application/gzip", etag=False)
    site.page("/listed.html", site_fixtures.page("Listed", ("Shelf", "The shelf is full.")))
    site.page("/llms.txt", b"# Site\n\n" + b"- [a](/a)\n" * 2_000_000, content_type="text/plain", etag=False)
    source_id, run_id = await scene.client.add_site(site.url("/"), max_pages=3)
    run = await scene.client.ended(run_id)
    assert run["status"] == "succeeded", run
    assert site.hits["/sitemap.xml"] == 1
    pages = await scene.client.get(f"/v1/sources/{source_id}/pages", status="succeeded")
    assert site.url("/listed.html") in {page["url"] for page in pages["items"]}


async def test_a_calendar_without_end_ends_at_max_pages(scene: Scene, site: TestSite) -> None:
    async def day(request: web.BaseRequest) -> web.StreamResponse:
        number = int(request.path.rpartition("/")[2])
        links = tuple(f"/day/{number + step}" for step in (1, 2, 3))
        text = site_fixtures.page(f"Day {number}", ("Plan", f"On day {number} it rains."), links=links)
        return web.Response(text=text, content_type="text/html")

    site.answer("/day/1", day)
    site._folders["/day/"] = day
    _source_id, run_id = await scene.client.add_site(
        site.url("/day/1"), max_pages=30, max_depth=10, use_sitemap=False, use_llms_txt=False
    )
    run = await scene.client.succeeded(run_id)
    assert run["progress"]["total"] == run["progress"]["succeeded"] == 30


# Files


FILES: Final[dict[str, tuple[Callable[[], bytes], set[str | None]]]] = {
    "long.pdf": (lambda: hostile.long_pdf(2000), {None}),
    "bomb.pdf": (lambda: hostile.pdf_stream_bomb(800), {"empty_content"}),
    "bomb.xlsx": (lambda: documents.zip_bomb(megabytes=600), {"too_large"}),
    "bomb.docx": (lambda: documents.zip_bomb(member="word/document.xml", megabytes=600), {"too_large"}),
    "sparse.xlsx": (hostile.sparse_xlsx, {"too_large"}),
    "bomb.parquet": (lambda: hostile.parquet_bomb(900_000, 100_000), {"too_large"}),
    "cell.csv": (lambda: hostile.one_cell_csv(49 * MIB), {None}),
    "nested.html": (lambda: documents.nested_html(1_000_000), {"parser_timeout"}),
}  # fmt: skip


async def test_files_that_mean_harm_end_with_a_code_or_are_read(scene: Scene) -> None:
    client = scene.client
    uploads = {name: await client.upload(name, make()) for name, (make, _) in FILES.items()}
    for name, (_, codes) in FILES.items():
        run = await client.ended(uploads[name].run_id, seconds=180)
        assert run["error_code"] in codes, (name, run)
    pdf = await client.get(f"/v1/documents/{uploads['long.pdf'].document_id}")
    assert pdf["chunks"] >= 2000
    (found, *_) = await client.search("reading of sensor 1777", mode="keyword", limit=5)
    assert "sensor 1777" in found["text"]
    for upload in uploads.values():
        await client.delete(upload.source_id)


# Crowds


async def test_a_thousand_uploads_all_end_and_the_queue_never_holds_more_than_its_window(
    scene: Scene,
) -> None:
    client, turns = scene.client, asyncio.Semaphore(16)
    group = (await client.post("/v1/groups", {"name": "crowd"}, status=201))["id"]

    async def one(number: int) -> str:
        text = f"# Item {number}\n\nThe item {number} is on shelf {number % 97}.\n"
        async with turns:
            return (await client.upload(f"item-{number}.md", text.encode(), group_id=group)).run_id

    depths: list[int] = []
    running = asyncio.gather(*(one(number) for number in range(CROWD)))

    async def over() -> bool:
        depths.append(await waiting_tasks(scene.truth))
        if not running.done():
            return False
        query = "SELECT count(*) FROM jobs WHERE id = ANY ($1::text[]::uuid[]) AND status <> ALL ($2::text[])"
        left: int = await scene.truth.value(query, running.result(), sorted(TERMINAL))
        return left == 0

    await until(over, "all uploads have ended", seconds=180)
    ended = await scene.truth.rows(
        "SELECT status, count(*)::integer FROM jobs WHERE id = ANY ($1::text[]::uuid[]) GROUP BY status",
        running.result(),
    )
    assert [tuple(row) for row in ended] == [("succeeded", CROWD)]
    assert max(depths) <= WINDOW + WORKERS * SLOTS
    items = await asyncio.gather(
        *(client.search("item shelf", limit=50, group_ids=[group]) for _ in range(20))
    )
    assert {len(found) for found in items} == {50}


async def waiting_tasks(truth: Truth) -> int:
    """Messages of ingest.task that wait in nsqd, in its topic or its channel."""
    topics = [topic for topic in await truth._topics() if topic["topic_name"] == "ingest.task"]
    return sum(
        topic["depth"] + sum(channel["depth"] + channel["deferred_count"] for channel in topic["channels"])
        for topic in topics
    )


async def test_five_thousand_pages_wait_in_postgres_and_not_in_the_queue(
    scene: Scene, site: TestSite
) -> None:
    site.page("/", site_fixtures.page("Home", ("Door", "The door is open.")))
    site.sitemap(site.url(f"/p/{number}.html") for number in range(BACKLOG))
    released = threading.Event()

    async def slow(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.to_thread(released.wait, 60)
        return web.Response(text=site_fixtures.page("Leaf", ("Leaf", "A leaf.")), content_type="text/html")

    site._folders["/p/"] = slow
    _source_id, run_id = await scene.client.add_site(site.url("/"), max_pages=BACKLOG, max_depth=1)

    async def registered() -> bool:
        return bool((await scene.client.run(run_id))["progress"]["total"] >= BACKLOG)

    await until(registered, "all pages are registered")
    depths = []
    for _ in range(40):
        depths.append(await waiting_tasks(scene.truth))
        await asyncio.sleep(0.1)
    released.set()
    await scene.client.post(f"/v1/jobs/{run_id}/cancel", status=202)
    await scene.client.ended(run_id)
    assert max(depths) <= WINDOW
    assert (
        await scene.truth.value("SELECT count(*) FROM jobs WHERE root_id = $1::text::uuid", run_id)
    ) > BACKLOG


# The end: behind all tests above, as they stand in this file.


async def test_no_service_died_or_grew_and_the_others_were_served(scene: Scene) -> None:
    scene.watch.look()
    told = scene.watch.report()
    print(told)  # noqa: T201  (the figures of docs/operations/limits.md)
    scene.others.enough.set()
    await asyncio.wait_for(scene.going_on, OTHERS_MOST_SECONDS)
    assert {name: scene.truth.stack.pids[name] for name in SERVICES} == scene.pids, told
    for name, most in MOST_MIB.items():
        assert scene.watch.own[name] <= most * MIB, told
    assert max(scene.watch.largest_child.values()) <= PARSER_MOST_MIB * MIB, told
    assert len(scene.others.took) >= 5, scene.others
    assert max(scene.others.took) <= OTHERS_MOST_SECONDS, scene.others
    await scene.truth.converged()
