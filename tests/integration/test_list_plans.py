"""Lists stay fast however many rows there are: each page is read along an index, looking at a bounded number of rows.

The plans are judged, never the time: which index, how many rows, how many pages of 8 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg
import pytest

from shared.postgres.database import Database
from support.lists import FIRST, LAST, LISTS, Asked, Readers
from support.many_rows import LOG_LINES_OF_ONE_JOB, OTHER, TENANT, fill
from support.plans import Explained, Plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database as Described

JOBS: Final = 60_000
#: A page of a list without a rare filter costs its own rows and little else.
ROWS_OF_A_PAGE: Final = 6 * FIRST.limit
PAGES_OF_A_PAGE: Final = 12 * FIRST.limit
#: Filters that few rows have are answered from those few: a hundredth of what there is, with what is joined.
ROWS_OF_FEW: Final = JOBS // 20
LARGE: Final = {"jobs", "job_logs", "sources", "documents", "document_versions", "crawl_pages"}

PLAIN: Final = [asked for asked in LISTS if not asked.scans]


@pytest.fixture(scope="module")
async def explained(module_database: Described) -> AsyncIterator[Explained]:
    owner = await asyncpg.connect(module_database.owner_url)
    await fill(owner, jobs=JOBS)
    await owner.close()
    database = Database(url=module_database.service_url, application="lists", principal=None)
    yield Explained(database)
    await database.close()


async def plans(explained: Explained, asked: Asked, part: Any = FIRST) -> tuple[list[Plan], Any]:
    """What is executed for a list, and the list."""
    explained.plans.clear()
    listing = await asked.read(Readers.of(cast("Database", explained)), part)
    return [plan for plan in explained.plans if not plan.name.endswith((".shown", ".exists"))], listing


def of(asked: Asked) -> str:
    return asked.path


@pytest.mark.parametrize("asked", PLAIN, ids=of)
async def test_a_first_page_is_read_along_an_index(explained: Explained, asked: Asked) -> None:
    [page, *_], _ = await plans(explained, asked)
    assert not page.read_whole & LARGE, page.root
    assert page.indexes


@pytest.mark.parametrize("asked", PLAIN, ids=of)
async def test_a_first_page_looks_at_few_rows(explained: Explained, asked: Asked) -> None:
    [page, *_], listing = await plans(explained, asked)
    # What has no order of its own in an index (what failed last) is sorted, all of it: it is few.
    few = listing.total if listing.total > len(listing.items) else 0
    bound = ROWS_OF_A_PAGE if few > ROWS_OF_FEW else max(ROWS_OF_A_PAGE, ROWS_OF_FEW)
    assert page.rows <= bound, page.root
    assert page.pages <= max(PAGES_OF_A_PAGE, 3 * page.rows), page.root


@pytest.mark.parametrize("asked", PLAIN, ids=of)
async def test_the_furthest_page_looks_at_what_is_before_it(explained: Explained, asked: Asked) -> None:
    [page, *_], listing = await plans(explained, asked, LAST)
    reach = LAST.offset + LAST.limit
    # So far in, with each row's source beside it, reading both tables once is as good while they are this small.
    assert page.rows <= 5 * reach, page.root
    assert len(listing.items) <= LAST.limit


@pytest.mark.parametrize("asked", LISTS, ids=of)
async def test_a_total_looks_at_what_it_counts(explained: Explained, asked: Asked) -> None:
    [_, *counting], listing = await plans(explained, asked)
    assert len(counting) <= 1
    for count in counting:
        of_tenant = JOBS if asked.scans else 4 * listing.total
        assert count.rows <= max(of_tenant, ROWS_OF_FEW), count.root


@pytest.mark.parametrize("asked", LISTS, ids=of)
async def test_what_is_shown_of_a_page_is_found_by_its_ids(explained: Explained, asked: Asked) -> None:
    explained.plans.clear()
    await asked.read(Readers.of(cast("Database", explained)), FIRST)
    for plan in explained.plans:
        if plan.name.endswith(".shown"):
            assert not plan.read_whole & LARGE, plan.root
            assert plan.pages <= 40 * FIRST.limit, plan.root


@pytest.mark.parametrize("asked", LISTS, ids=of)
async def test_every_list_is_planned_for_its_own_filters(explained: Explained, asked: Asked) -> None:
    explained.options.clear()
    await asked.read(Readers.of(cast("Database", explained)), FIRST)
    assert explained.options == [{"planned_each": True}]


async def test_such_a_transaction_has_no_plan_for_all(explained: Explained) -> None:
    async def mode(connection: Any) -> str:
        return cast("str", await connection.fetchval("SELECT current_setting('plan_cache_mode')"))

    assert await explained.database.run(mode, TENANT, planned_each=True) == "force_custom_plan"
    assert await explained.database.run(mode, TENANT) == "auto"


async def test_a_count_reads_the_index_and_not_the_table(explained: Explained) -> None:
    asked = next(one for one in LISTS if one.path == "/v1/jobs")
    [_, count], listing = await plans(explained, asked)
    assert listing.total > 10_000
    assert {node["Node Type"] for node in count.nodes() if "Scan" in node["Node Type"]} == {"Index Only Scan"}
    # A hundred entries of an index are on a page of it, and more.
    assert count.pages <= listing.total / 50, count.root


@pytest.mark.parametrize("table", ["jobs", "sources", "documents", "failed_jobs", "job_logs", "crawl_pages"])
async def test_a_tenant_sees_its_own_rows_and_the_principal_is_looked_up_once(
    explained: Explained, table: str
) -> None:
    async def seen(connection: Any) -> tuple[set[Any], str]:
        tenants = {row[0] for row in await connection.fetch(f"SELECT DISTINCT tenant_id FROM {table}")}
        plan = await connection.fetch(f"EXPLAIN SELECT count(*) FROM {table}")
        return tenants, "\n".join(row[0] for row in plan)

    for tenant in (TENANT, OTHER):
        tenants, plan = await explained.database.run(seen, tenant)
        assert tenants <= {tenant}
        assert "InitPlan" in plan
    assert (await explained.database.run(seen))[0] == set()


async def test_lists_are_whole(explained: Explained) -> None:
    on = Readers.of(explained.database)
    by_status = {
        asked.path.rpartition("=")[2]: (await asked.read(on, FIRST)).total
        for asked in LISTS
        if asked.path.startswith("/v1/sources?status=")
    }
    everything = next(asked for asked in LISTS if asked.path == "/v1/sources")
    assert sum(by_status.values()) == (await everything.read(on, FIRST)).total
    assert by_status["failed"] > 0
    assert (
        await next(a for a in LISTS if a.path.endswith("logs")).read(on, FIRST)
    ).total == LOG_LINES_OF_ONE_JOB
