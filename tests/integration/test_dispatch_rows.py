"""Which waiting pages the windows see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.postgres.announcing import PostgresWindows
from support.pipeline import LIMITS, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database

MANY = 3


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(database.service_url)
    pipeline.windows = PostgresWindows(
        database=pipeline.database, limits=LIMITS, unstored_max=500, crawls_at_once=MANY
    )
    yield pipeline
    await pipeline.close()


async def test_crawls_that_wait_do_not_keep_others_out(pipeline: Pipeline) -> None:
    for number in range(MANY):
        await pipeline.add_site(f"https://slow{number}.test/")
    await pipeline.rows(
        "UPDATE jobs SET available_at = now() + interval '1 hour' WHERE type = 'page' RETURNING id"
    )
    due = await pipeline.add_site("https://site.test/")
    assert [message.payload["run_id"] for message in await pipeline.windows.announce_waiting()] == [
        str(due.run_id)
    ]


async def test_crawls_that_are_being_indexed_do_not_keep_others_out(pipeline: Pipeline) -> None:
    for number in range(MANY):
        await pipeline.add_site(f"https://site{number}.test/")
    claims = await pipeline.work()
    await pipeline.store(*(pipeline.page(claim, "words") for claim in claims))
    await pipeline.add_site("https://another.test/")
    assert len(await pipeline.work()) == 1


async def test_a_tenant_with_many_crawls_leaves_places_to_others(pipeline: Pipeline) -> None:
    for number in range(MANY + 1):
        await pipeline.add_site(f"https://site{number}.test/")
    late = await pipeline.add_site("https://late.test/")
    # The same rows under another tenant: what accepts them is not what is tested.
    tenant = await pipeline.value("INSERT INTO tenants (slug, name) VALUES ('other', 'Other') RETURNING id")
    await pipeline.rows("UPDATE jobs SET tenant_id = $1 WHERE root_id = $2 RETURNING id", tenant, late.run_id)
    assert tenant in {message.tenant_id for message in await pipeline.windows.announce_waiting()}
