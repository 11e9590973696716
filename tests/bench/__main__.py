"""``python -m bench [part ...]``: measures, shows tables while it goes, writes ``docs/performance.md``."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from contextlib import AsyncExitStack
from datetime import UTC
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench import report
from bench.bench import Bench
from bench.corpora.manual import find_manual
from bench.options import Options, parse
from bench.parts import crawl, latency, markdown, memory, upload
from bench.stack import BenchStack
from native.postgres_programs import psql
from native.servers import NSQ, WEAVIATE
from quern.client import Client
from shared.clock import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.figures import Section

_MEASURED: dict[str, Callable[[Bench], Awaitable[Section]]] = {
    "latency": latency.measure,
    "crawl": crawl.measure,
    "markdown": markdown.measure,
    "upload": upload.measure,
}
_KEPT = ("QUERN_CACHE_DIR", "QUERN_VENV")


async def _measure(bench: Bench) -> list[Section]:
    sections = []
    looks = []
    idle = "memory" in bench.options.parts
    if idle:
        looks.append(await memory.look(bench, "fresh"))
    for part in bench.options.parts:
        if part in _MEASURED:
            section = await _MEASURED[part](bench)
            sections.append(section)
            sys.stdout.write("\n" + report.plain(section) + "\n")
            sys.stdout.flush()
    if idle:
        if sections:
            looks.append(await memory.look(bench, "after work"))
        section = memory.section(looks, bench.options.idle_seconds)
        sections.append(section)
        sys.stdout.write("\n" + report.plain(section) + "\n")
    return sections


async def _run(options: Options) -> None:
    manual = find_manual(options.manual)
    async with AsyncExitStack() as life:
        folder = Path(life.enter_context(TemporaryDirectory(prefix="qb")))
        load = " ".join(f"{each:.2f}" for each in os.getloadavg())
        stack = life.enter_context(
            BenchStack(
                root=folder / "stack",
                base_port=options.base_port,
                workers=options.workers,
                consumers=options.consumers,
                environment=options.settings,
            )
        )
        client = await life.enter_async_context(Client(stack.file.gateway_url))
        bench = Bench(options=options, stack=stack, client=client, manual=manual, folder=folder)
        sections = await _measure(bench)
        if options.report is not None:
            options.report.parent.mkdir(parents=True, exist_ok=True)
            page = report.page(_circumstances(stack, load), sections)
            options.report.write_text(page, encoding="utf-8")


def _circumstances(stack: BenchStack, load: str) -> report.Circumstances:
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    postgres = psql(stack.file.database_url, "SHOW server_version;").strip()
    return report.Circumstances(
        date=now().astimezone(UTC).date().isoformat(),
        machine=f"{cores} cores, {memory_gib:.0f} GiB of memory",
        load=load,
        command=" ".join(["make bench"] if len(sys.argv) == 1 else ["python -m bench", *sys.argv[1:]]),
        versions=(
            ("Quern", version("quern")),
            ("Python", platform.python_version()),
            ("PostgreSQL", postgres),
            ("NSQ", NSQ.version),
            ("Weaviate", WEAVIATE.version),
            ("Scrapy", version("scrapy")),
            ("LlamaIndex", version("llama-index-core")),
        ),
    )


def main() -> None:
    """Measure what the command line asks for."""
    options = parse(sys.argv[1:])
    for name in [name for name in os.environ if name.startswith("QUERN_") and name not in _KEPT]:
        del os.environ[name]  # what is measured shall not depend on the shell
    asyncio.run(_run(options))


if __name__ == "__main__":
    main()
