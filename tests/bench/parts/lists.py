"""Every list of the API at a million jobs: the first page, the furthest, and the total."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import asyncpg

from bench.figures import Mark, Section, Table, number
from native.progress import say
from shared.postgres.database import Database
from shared.postgres.migrate import directory, migrate
from shared.postgres.reads.operations import OperationReads
from support.lists import FIRST, LAST, LISTS, Asked, Readers
from support.many_rows import TENANT, fill
from support.plans import Explained

if TYPE_CHECKING:
    from bench.bench import Bench
    from shared.postgres.reads.records import Slice

JOBS: Final = 1_000_000
NAME: Final = "lists"
PAGE_MS: Final = 200.0
TOTAL_MS: Final = 1000.0
TRIES: Final = 3


async def measure(bench: Bench) -> Section:
    """Fill a database of its own and read."""
    stack_url = bench.stack.file.database_url
    admin = await asyncpg.connect(stack_url, timeout=10)
    await admin.execute(f'CREATE DATABASE "{NAME}"')
    url = stack_url.rpartition("/")[0] + f"/{NAME}"
    try:
        await migrate(url, directory())
        return await _measured(url)
    finally:
        await admin.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')
        await admin.close()


async def _measured(url: str) -> Section:
    start = perf_counter()
    owner = await asyncpg.connect(url, timeout=10)
    filled = await fill(owner, jobs=JOBS)
    await owner.close()
    seconds = perf_counter() - start
    say(f"lists: {filled.jobs:,} jobs in {seconds:.0f} s")
    # The owner's connection in the role of the services, whom row-level security binds.
    database = Database(url=f"{url}?role=quern_service", application=NAME, principal=None)
    try:
        rows = [await _row(database, asked) for asked in LISTS]
        figures = await _figures(database)
    finally:
        await database.close()
    return _section([row for row in rows if not row[0].endswith("q")], rows, figures, seconds)


async def _best(database: Database, asked: Asked, part: Slice) -> tuple[list[float], int]:
    """Milliseconds of each query, the best of some tries, and the total."""
    best: list[float] = []
    total = 0
    for _ in range(TRIES):
        explained = Explained(database)
        listing = await asked.read(Readers.of(cast("Database", explained)), part)
        total = listing.total
        plans = [plan for plan in explained.plans if not plan.name.endswith(".exists")]
        counting = sum(plan.milliseconds for plan in plans if plan.name.endswith("total"))
        reading = sum(plan.milliseconds for plan in plans) - counting
        best = [min(pair) for pair in zip(best or [reading, counting], [reading, counting], strict=True)]
    return best, total


async def _row(database: Database, asked: Asked) -> tuple[str, int, float, float, float]:
    (first, counting), total = await _best(database, asked, FIRST)
    (last, _), _ = await _best(database, asked, LAST)
    return asked.path, total, first, last, counting


async def _figures(database: Database) -> list[tuple[str, float]]:
    found = []
    for name in ("stats", "ledger"):
        best = float("inf")
        for _ in range(TRIES):
            explained = Explained(database)
            await getattr(OperationReads(database=cast("Database", explained)), name)(TENANT)
            best = min(best, sum(plan.milliseconds for plan in explained.plans))
        found.append((f"/v1/{'system/' if name == 'ledger' else ''}{name}", best))
    return found


def _section(
    judged: list[tuple[str, int, float, float, float]],
    rows: list[tuple[str, int, float, float, float]],
    figures: list[tuple[str, float]],
    seconds: float,
) -> Section:
    table = Table(
        ("list", "total", "first page (ms)", "last page that there is (ms)", "total (ms)"),
        tuple((f"`{path}`", f"{total:,}", *map(number, times)) for path, total, *times in rows),
    )
    others = Table(("figures", "ms"), tuple((f"`{path}`", number(ms)) for path, ms in figures))
    return Section(
        "Lists at a million jobs",
        f"A database that Postgres itself filled with {JOBS:,} jobs in {seconds:.0f} s: 300,000 uploads with their sources, "
        f"documents and versions, 1,000 crawls and their pages; a tenth belongs to another tenant. Each list as the "
        f"gateway reads it, under row-level security: execution time of its queries by EXPLAIN ANALYZE, best of {TRIES}; "
        f"the first {FIRST.limit}, and the last {LAST.limit} that the contract lets a client ask for (offset "
        f"{LAST.offset:,}). Totals are exact. Searches by a part of a text (`q`) look at every row of the tenant.",
        tables=[table, others],
        marks=[
            Mark(
                what="lists at a million jobs: the slowest page",
                value=max(max(row[2], row[3]) for row in judged),
                limit=PAGE_MS,
                at_least=False,
                unit="ms",
            ),
            Mark(
                what="lists at a million jobs: the slowest total",
                value=max(row[4] for row in judged),
                limit=TOTAL_MS,
                at_least=False,
                unit="ms",
            ),
        ],
    )
