"""Requests and errors of the client, against a gateway that follows the contract."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from quern import Client, NoAnswerError, ProblemError, UnexpectedAnswerError, UnreachableError
from quern.errors import BadAddressError
from quern.models import CrawlOptions, SearchFilters, SourceStatus
from quern.retries import RetryPolicy
from quern.transport import Timeouts
from unit.quern import shapes

if TYPE_CHECKING:
    from unit.quern.fake_gateway import FakeGateway

URL = "https://docs.example.org/guide/"
NOBODY = UUID("01930000-0000-7000-8000-ffffffffffff")


async def test_adding_a_site_sends_only_what_was_given(gateway: FakeGateway, client: Client) -> None:
    added = await client.sources.add(URL, crawl=CrawlOptions(max_depth=3, exclude=["/old/"]))
    assert added.source.url == URL
    assert added.run.source_id == added.source.id
    [request] = gateway.requests("POST", "/v1/sources")
    assert request.body == {"type": "web", "url": URL, "crawl": {"max_depth": 3, "exclude": ["/old/"]}}


async def test_a_patch_leaves_out_what_stays(gateway: FakeGateway, client: Client) -> None:
    source = gateway.add_source()
    await client.sources.update(UUID(source["id"]), name="Handbook")
    assert gateway.seen[-1].body == {"name": "Handbook"}


async def test_parameters_that_are_not_given_are_not_sent(gateway: FakeGateway, client: Client) -> None:
    await client.sources.list(status=SourceStatus.IDLE, limit=7)
    assert gateway.seen[-1].query == {"status": "idle", "limit": "7", "offset": "0"}


async def test_force_is_sent_as_json_spells_it(gateway: FakeGateway, client: Client) -> None:
    source = gateway.add_source(status="ingesting")
    with pytest.raises(ProblemError) as refused:
        await client.sources.delete(UUID(source["id"]))
    assert refused.value.code == "ingest_in_progress"
    assert (await client.sources.delete(UUID(source["id"]), force=True)).status == "deleting"


async def test_a_list_is_walked_to_its_end(gateway: FakeGateway, client: Client) -> None:
    for number in range(1203):
        gateway.add_source(name=f"s{number}")
    names = [source.name async for source in client.sources.walk()]
    assert names == [f"s{number}" for number in range(1203)]
    assert [request.query["offset"] for request in gateway.requests("GET", "/v1/sources")] == [
        "0",
        "500",
        "1000",
    ]


async def test_a_search_sends_its_filters(gateway: FakeGateway, client: Client) -> None:
    source = gateway.add_source()
    gateway.hits = [shapes.hit(source["id"])]
    filters = SearchFilters(source_ids=[UUID(source["id"])], languages=["en"])
    answer = await client.search("install", mode="keyword", filters=filters)
    assert answer.items[0].heading_path == ["Installation", "On Linux"]
    assert gateway.seen[-1].body == {
        "query": "install",
        "limit": 10,
        "mode": "keyword",
        "filters": {"source_ids": [source["id"]], "languages": ["en"]},
    }


async def test_retry_many_names_exactly_one_choice(gateway: FakeGateway, client: Client) -> None:
    gateway.failed = [shapes.failed_job(shapes.new_id()) for _ in range(3)]
    first = UUID(gateway.failed[0]["id"])
    assert (await client.jobs.retry_many(ids=[first])).retried == 1
    assert (await client.jobs.retry_many(error_code="timeout")).retried == 0
    assert (await client.jobs.retry_many()).retried == 2
    sent = [request.body for request in gateway.requests("POST", "/v1/jobs/failed/retry")]
    assert sent == [{"ids": [str(first)]}, {"error_code": "timeout"}, {"all": True}]


async def test_a_refusal_carries_all_that_the_gateway_says(gateway: FakeGateway, client: Client) -> None:
    errors = [{"loc": ["body", "crawl", "max_depth"], "msg": "must not be negative"}]
    body = shapes.problem(422, "validation_error", "The request is not valid.", errors=errors, limit_bytes=7)
    gateway.refuse("/v1/sources", 422, body)
    with pytest.raises(ProblemError) as refused:
        await client.sources.add(URL)
    error = refused.value
    assert (error.code, error.status, error.title) == ("validation_error", 422, "Validation error")
    assert (error.detail, error.request_id) == ("The request is not valid.", "req-1")
    assert error.faults[0].loc == ("body", "crawl", "max_depth")
    assert error.members == {"limit_bytes": 7}
    assert str(error) == "The request is not valid. crawl.max_depth: must not be negative."


async def test_a_get_is_repeated_after_503_as_asked(gateway: FakeGateway, client: Client) -> None:
    body = shapes.problem(503, "dependency_unavailable", "postgres does not answer now.")
    gateway.refuse("/v1/stats", 503, body, times=2, Retry_After="0")
    assert (await client.system.stats()).documents == 7
    assert len(gateway.requests("GET", "/v1/stats")) == 3


async def test_tries_end_and_the_refusal_is_handed_on(gateway: FakeGateway, client: Client) -> None:
    gateway.refuse("/v1/stats", 503, shapes.problem(503, "dependency_unavailable", "down"), times=9)
    with pytest.raises(ProblemError) as refused:
        await client.system.stats()
    assert refused.value.code == "dependency_unavailable"
    assert len(gateway.requests("GET", "/v1/stats")) == 3


async def test_a_wait_that_is_too_long_is_not_taken(gateway: FakeGateway, client: Client) -> None:
    gateway.refuse("/v1/stats", 503, shapes.problem(503, "x", "down"), times=9, Retry_After="3600")
    with pytest.raises(ProblemError) as refused:
        await client.system.stats()
    assert refused.value.retry_after_seconds == 3600
    assert len(gateway.requests("GET", "/v1/stats")) == 1


async def test_what_changes_something_is_never_repeated(gateway: FakeGateway, client: Client) -> None:
    gateway.refuse("/v1/sources", 503, shapes.problem(503, "dependency_unavailable", "down"), Retry_After="0")
    with pytest.raises(ProblemError):
        await client.sources.add(URL)
    assert len(gateway.requests("POST", "/v1/sources")) == 1


async def test_readiness_is_an_answer_even_when_down(gateway: FakeGateway, client: Client) -> None:
    gateway.ready = {"status": "down", "reason": "nsqd does not answer", "dependencies": {}}
    assert (await client.system.ready()).reason == "nsqd does not answer"


@pytest.mark.parametrize(("status", "body"), [(200, "<html>"), (502, "<html>Bad gateway"), (200, '{"x": 1}')])
async def test_another_server_at_the_address_is_told(
    gateway: FakeGateway, client: Client, status: int, body: str
) -> None:
    gateway.refuse("/v1/stats", status, body)
    with pytest.raises(UnexpectedAnswerError, match="Is it a gateway of Quern"):
        await client.system.stats()


async def test_what_a_newer_gateway_adds_is_left_aside(gateway: FakeGateway, client: Client) -> None:
    gateway.ledger["brand_new"] = {"x": 1}
    assert (await client.system.ledger()).accepted == 10


async def test_nobody_listening_is_unreachable_after_all_tries() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        async with Client(url, retries=RetryPolicy(base_seconds=0.001)) as client:
            with pytest.raises(UnreachableError, match=r"Nothing answers at .* Is Quern running"):
                await client.system.stats()


async def test_silence_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Client(url, timeouts=Timeouts(answer_seconds=0.05)) as client:
            with pytest.raises(NoAnswerError):
                await client.system.stats()


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host", "http://", "http://host?x=1", "http://[::1"]
)
def test_what_is_no_address_is_refused_before_any_request(url: str) -> None:
    with pytest.raises(BadAddressError):
        Client(url)


async def test_a_missing_run_is_a_problem(client: Client) -> None:
    with pytest.raises(ProblemError) as refused:
        await client.runs.get(NOBODY)
    assert refused.value.status == 404
