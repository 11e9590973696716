"""Crawling a manual to searchable chunks, beside a Scrapy CrawlSpider; then the unchanged manual again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bench.bench import Bench, MeasurementError, Watch
from bench.figures import Mark, Section, Series, cpu_table, ratio, runs_table
from bench.peers.running import run_peer
from bench.site import Site
from bench.stack import spent_since
from native.progress import say
from quern.models.documents import SearchFilters
from quern.models.sources import CrawlOptions

if TYPE_CHECKING:
    from uuid import UUID

    from quern.models.jobs import Run

CONCURRENCY: Final = 32
"""Of Scrapy; Quern's window for a host without a pace is as large."""
MAX_DEPTH: Final = 20
_PAGES_APART: Final = 0.01
"""Both must have crawled the same site."""
QUESTION: Final = "how does vacuum reclaim storage"


@dataclass(slots=True)
class _Rounds:
    """What was measured so far, one entry for each round."""

    pages: list[float] = field(default_factory=list)
    chunks: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    again_seconds: list[float] = field(default_factory=list)
    peer_pages: list[float] = field(default_factory=list)
    peer_seconds: list[float] = field(default_factory=list)
    peer_cpu: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    again_cpu: list[dict[str, float]] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Pages per second."""
        return [pages / seconds for pages, seconds in zip(self.pages, self.seconds, strict=True)]

    @property
    def peer_rates(self) -> list[float]:
        """The peer's."""
        return [pages / seconds for pages, seconds in zip(self.peer_pages, self.peer_seconds, strict=True)]


async def measure(bench: Bench) -> Section:
    """Crawl by turns."""
    rounds = _Rounds()
    with Site(bench.manual.folder) as site:
        for turn in range(bench.options.rounds):
            # Another query string is another source: nothing of the round before is of use to it.
            source_id = await _first_crawl(bench, f"{site.url}/index.html?round={turn}", rounds)
            await _peer(bench, f"{site.url}/index.html", rounds)
            await _again(bench, source_id, rounds)
            say(
                f"crawl {turn + 1}: Quern {rounds.rates[-1]:.1f} pages/s ({rounds.pages[-1]:.0f} pages, "
                f"{rounds.seconds[-1]:.1f} s, {sum(rounds.cpu[-1].values()):.1f} CPU s), again "
                f"{rounds.again_seconds[-1]:.1f} s, Scrapy {rounds.peer_rates[-1]:.1f} pages/s"
            )
    return _section(bench, rounds)


async def _first_crawl(bench: Bench, url: str, rounds: _Rounds) -> UUID:
    before, watch = bench.stack.cpu_seconds(), Watch()
    added = await bench.client.sources.add(
        url, crawl=CrawlOptions(max_depth=MAX_DEPTH, max_pages=bench.options.pages)
    )
    run = await bench.run_succeeded(added.run.id)
    rounds.seconds.append(watch.seconds)
    rounds.cpu.append(spent_since(before, bench.stack.cpu_seconds()))
    source = await bench.client.sources.get(added.source.id)
    _check(run, source.documents)
    rounds.pages.append(float(run.progress.succeeded))
    rounds.chunks.append(float(source.chunks))
    found = await bench.client.search(QUESTION, filters=SearchFilters(source_ids=[source.id]))
    if not found.items:
        raise MeasurementError("the crawl has ended, but a search finds nothing of it")
    return added.source.id


def _check(run: Run, documents: int) -> None:
    if run.progress.failed or documents != run.progress.succeeded:
        raise MeasurementError(f"{run.progress.failed} pages failed, {documents} documents are served")


async def _peer(bench: Bench, url: str, rounds: _Rounds) -> None:
    limits = (str(CONCURRENCY), str(MAX_DEPTH), str(bench.options.pages))
    figures = await run_peer("scrapy_crawl", url, *limits)
    pages = rounds.pages[-1]
    if pages < bench.options.pages and abs(figures["pages"] - pages) > _PAGES_APART * pages:
        raise MeasurementError(f"Scrapy took {figures['pages']} pages, Quern {pages:.0f}")
    rounds.peer_pages.append(figures["pages"])
    rounds.peer_seconds.append(figures["seconds"])
    rounds.peer_cpu.append(1000 * figures["cpu_seconds"] / figures["pages"])


async def _again(bench: Bench, source_id: UUID, rounds: _Rounds) -> None:
    before, watch = bench.stack.cpu_seconds(), Watch()
    started = await bench.client.sources.sync(source_id)
    run = await bench.run_ended(started.run_id)
    rounds.again_seconds.append(watch.seconds)
    rounds.again_cpu.append(spent_since(before, bench.stack.cpu_seconds()))
    # A crawl that may not take all pages does not take the same ones each time.
    whole = run.progress.total < bench.options.pages
    if run.progress.failed or (run.progress.succeeded and whole):
        raise MeasurementError(f"of the unchanged site {run.progress.succeeded} pages were indexed again")


def _section(bench: Bench, rounds: _Rounds) -> Section:
    again = ratio(rounds.again_seconds, rounds.seconds)
    options = bench.options
    return Section(
        "Crawl",
        f"The pages are {bench.manual.origin}, served on the loopback by a process of its own from memory. Quern "
        f"({options.workers} workers, {options.consumers} consumer): from `POST /v1/sources` until the run has "
        "succeeded, when every chunk is embedded, verified in Weaviate and served. Scrapy: a CrawlSpider, robots.txt "
        f"obeyed, {CONCURRENCY} requests at once (Quern's window for one host is as large), that fetches, follows "
        "links and makes the same Markdown by the same calls; its start is not counted, and it neither chunks, "
        "embeds, stores nor indexes.",
        [
            runs_table(
                [
                    Series("Quern", "pages/s", tuple(rounds.rates)),
                    Series("Quern", "s", tuple(rounds.seconds)),
                    Series("Quern", "pages", tuple(rounds.pages)),
                    Series("Quern", "chunks", tuple(rounds.chunks)),
                    Series("Scrapy", "pages/s", tuple(rounds.peer_rates)),
                    Series("Scrapy", "pages", tuple(rounds.peer_pages)),
                    Series("Scrapy, CPU of its process", "ms per page", tuple(rounds.peer_cpu)),
                    Series("unchanged site again", "s", tuple(rounds.again_seconds)),
                ]
            ),
            cpu_table("page, first crawl", rounds.cpu, rounds.pages),
            cpu_table("page, unchanged site again", rounds.again_cpu, rounds.pages),
        ],
        [
            Mark(
                what="crawl to searchable, pages/s of Scrapy's",
                value=ratio(rounds.rates, rounds.peer_rates),
                limit=0.5,
                at_least=True,
            ),
            Mark(
                what="unchanged site again, time of the first crawl's", value=again, limit=0.2, at_least=False
            ),
        ],
        ["Each round adds a source to the same installation, so that the index grows from round to round."],
    )
