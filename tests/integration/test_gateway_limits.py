"""Limits as clients meet them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from support.gateways import Gateway, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database
    from support.servers import NsqdServer


@pytest.fixture
async def gateway(
    database: Database, nsqd: NsqdServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=database.service_url, data_dir=directory, nsqd=nsqd) | {
        "QUERN_TENANT_SOURCES_MAX": "2",
        "QUERN_TENANT_PAGES_PER_CRAWL_MAX": "50",
        "QUERN_TENANT_STORED_MAX_BYTES": "20",
        "QUERN_TENANT_REQUESTS_PER_SECOND": "5",
        "QUERN_TENANT_REQUESTS_BURST": "30",
    }
    running = await Gateway.start(directory / "log", settings)
    yield running
    assert await running.stop() == 0


def site(number: int, **crawl: int) -> dict[str, object]:
    return {"type": "web", "url": f"http://127.0.0.1:1/{number}/", "crawl": crawl}


async def test_limits_are_shown_kept_and_told(gateway: Gateway) -> None:
    client = gateway.client
    shown = await client.call("GET", "/v1/limits")
    assert shown.headers["RateLimit-Policy"] == '"tenant";q=30;w=6'
    assert shown.body["allowed"] == {
        "sources": 2,
        "pages_per_crawl": 50,
        "stored_bytes": 20,
        "requests_per_second": 5,
        "requests_burst": 30,
        "jobs_in_flight": 200,
    }
    refused = await client.call("POST", "/v1/sources", json=site(1, max_pages=51))
    assert refused.status == 422
    assert refused.body["errors"][0]["loc"] == ["body", "crawl", "max_pages"]
    added = await client.post("/v1/sources", site(1), status=201)
    assert added["run"]["config"]["max_pages"] == 50, "what is usual, and no more than is allowed"
    await client.upload("a.md", b"# A\n\nwords")
    refused = await client.call("POST", "/v1/sources", json=site(2))
    assert (refused.status, refused.body["code"], refused.body["limit"]) == (409, "quota_exceeded", "sources")
    used = (await client.get("/v1/limits"))["used"]
    assert (used["sources"], used["stored_bytes"]) == (2, 10)


async def test_whoever_asks_too_often_is_refused_and_others_who_look_after_it_are_not(
    gateway: Gateway,
) -> None:
    answers = await asyncio.gather(*(gateway.client.call("GET", "/v1/groups") for _ in range(60)))
    refused = [answer for answer in answers if answer.status == 429]
    assert 60 - 30 - 20 <= len(refused) <= 30
    assert {answer.body["code"] for answer in refused} == {"rate_limited"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert refused[0].headers["RateLimit"].startswith('"tenant";r=0;')
    assert (await gateway.client.call("GET", "/healthz")).status == 200
