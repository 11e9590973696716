"""One small page on an idle system: from POST to found."""

from __future__ import annotations

import asyncio
import itertools
from statistics import quantiles
from typing import Final

from bench.bench import Bench, Watch, until
from bench.figures import Mark, Section, Series, Table, number
from native.progress import say
from quern.models.documents import SearchFilters
from support.sites import TestSite

_POLL_SECONDS: Final = 0.01
_FOUND_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.3
"""Between two tries, so that each finds the system idle."""
_UNIQUE: Final = (
    "".join(letters)
    for letters in itertools.product("bcdfgklmnprst", "aeiou", "bdgklmnprst", "aeiou", "klmnrst")
)


async def measure(bench: Bench) -> Section:
    """Add one page after the other."""
    seconds = []
    with TestSite(host="127.0.0.3") as site:
        for turn in range(bench.options.tries):
            word = f"zy{next(_UNIQUE)}x"
            site.page(
                f"/page-{turn}",
                f"<html lang=en><title>Note {turn}</title><h1>Note {turn}</h1><p>The word is {word}.</p></html>",
            )
            await asyncio.sleep(_PAUSE_SECONDS)
            seconds.append(await _until_found(bench, site.url(f"/page-{turn}"), word))
    say(f"latency: {' '.join(f'{each:.2f}' for each in seconds)}")
    return _section(Series("POST to searchable", "s", tuple(seconds)))


async def _until_found(bench: Bench, url: str, word: str) -> float:
    watch = Watch()
    added = await bench.client.sources.add(url)
    only = SearchFilters(source_ids=[added.source.id])

    async def found() -> float | None:
        answer = await bench.client.search(word, mode="keyword", filters=only)
        return watch.seconds if answer.items else None

    return await until(found, every_seconds=_POLL_SECONDS, timeout_seconds=_FOUND_SECONDS)


def _section(tries: Series) -> Section:
    ordered = sorted(tries.values)
    p95 = quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
    return Section(
        "Latency",
        f"A page with one sentence, added by `POST /v1/sources` with the settings of a crawl as they come (robots.txt, "
        f"sitemap.xml and llms.txt are asked for), and searched for every {1000 * _POLL_SECONDS:.0f} ms by a word that "
        f"stands there alone; {len(ordered)} tries, one after the other, on a system that does nothing else.",
        [
            Table(
                ("", "least", "median", "95th percentile", "most"),
                (
                    (
                        "POST to searchable (s)",
                        number(ordered[0]),
                        number(tries.median),
                        number(p95),
                        number(ordered[-1]),
                    ),
                ),
            )
        ],
        [
            Mark(
                what="one small page, POST to searchable, p50",
                value=tries.median,
                limit=1,
                at_least=False,
                unit="s",
            )
        ],
        [f"All tries, in s: {', '.join(f'{each:.2f}' for each in tries.values)}."],
    )
