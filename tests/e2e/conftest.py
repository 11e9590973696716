"""The whole product, with limits and pauses short enough for tests; one stack for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import asyncpg
import pytest

from shared.clock import new_id
from support.client import Client
from support.e2e import Truth
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from support.stacks import StackUnderTest


@pytest.fixture(scope="session")
def stack_environment() -> dict[str, str]:
    return {
        "QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8",
        "QUERN_CRAWL_DELAY_MS": "0",
        "QUERN_LEASE_SECONDS": "6",
        "QUERN_SHUTDOWN_GRACE_SECONDS": "4",
        "QUERN_RETRY_BASE_SECONDS": "0.3",
        "QUERN_DEAD_RETRY_SECONDS": "8",
        "QUERN_SUPERSEDED_GRACE_SECONDS": "3",
        "QUERN_SEARCH_DEADLINE_SECONDS": "2.5",
        "QUERN_ANNOUNCE_AGAIN_SECONDS": "3",
        "QUERN_RESULT_DEADLINE_SECONDS": "8",
        "QUERN_INDEX_BATCH_SECONDS": "12",
        "QUERN_INDEX_ADOPT_SECONDS": "0.3",
        "QUERN_REQUEUE_BASE_SECONDS": "0.2",
        "QUERN_NSQLOOKUPD_POLL_SECONDS": "1",
        "QUERN_ROBOTS_RETRY_SECONDS": "0.3",
        "QUERN_WEAVIATE_INSERT_TIMEOUT_SECONDS": "10",
        "QUERN_PAGE_MAX_BYTES": "1000000",
        "QUERN_UPLOAD_MAX_BYTES": "4000000",
        "QUERN_TABLE_MAX_BYTES": "1000000",
        "QUERN_EVENTS_POLL_SECONDS": "0.1",
        "QUERN_RECLAIM_PERIOD_SECONDS": "1",
        "QUERN_DELETE_PERIOD_SECONDS": "0.5",
        "QUERN_UPKEEP_PERIOD_SECONDS": "1",
        "QUERN_FIGURES_PERIOD_SECONDS": "2",
        "QUERN_AUDIT_PERIOD_SECONDS": "2",
        "QUERN_ABANDONED_SECONDS": "5",
    }


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="session")
async def quern(stack: StackUnderTest, http: aiohttp.ClientSession) -> Client:
    """The product's API."""
    return Client(http, stack.gateway_url)


@pytest.fixture(scope="session")
async def truth(stack: StackUnderTest, http: aiohttp.ClientSession) -> AsyncIterator[Truth]:
    """What is really there."""
    async with asyncpg.create_pool(stack.file.database_url, min_size=1, max_size=4) as postgres:
        yield Truth(stack=stack, session=http, postgres=postgres)


@pytest.fixture
def site() -> Iterator[TestSite]:
    """An empty web site."""
    with TestSite() as made:
        yield made


@pytest.fixture
def twin() -> Iterator[TestSite]:
    """A second one, on another host."""
    with TestSite(host="127.0.0.2") as made:
        yield made


@pytest.fixture
async def group(quern: Client) -> str:
    """A group of this test's own: equal bytes in other groups are no duplicates."""
    made = await quern.post("/v1/groups", {"name": f"group {new_id()}"}, status=201)
    group_id: str = made["id"]
    return group_id
