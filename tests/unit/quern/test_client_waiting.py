from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from quern import Client, ProblemError, UnreachableError, WaitTimeoutError
from quern.following import FollowLimits
from quern.models import JobStatus, LogLine, Run, RunProgress
from quern.retries import RetryPolicy
from unit.quern import shapes
from unit.quern.fake_gateway import FakeGateway, serving

if TYPE_CHECKING:
    from quern.following import RunEvent


async def test_a_run_is_followed_by_its_events(gateway: FakeGateway, client: Client) -> None:
    run_id = UUID(gateway.add_run(None)["id"])
    events: list[RunEvent] = []
    run = await client.runs.wait(run_id, on_event=events.append)
    assert run.status is JobStatus.SUCCEEDED
    assert [type(event) for event in events] == [RunProgress, LogLine, Run]
    assert isinstance(events[1], LogLine)
    assert events[1].fields == {"text": "a\u2028b"}  # a line separator, but not of the event stream
    assert not gateway.requests("GET", f"/v1/ingestion-runs/{run_id}")


async def test_a_stream_that_is_cut_goes_on_where_it_ended(gateway: FakeGateway, client: Client) -> None:
    gateway.events = "cut"
    run_id = UUID(gateway.add_run(None)["id"])
    events: list[RunEvent] = []
    run = await client.runs.wait(run_id, on_event=events.append)
    assert run.status is JobStatus.SUCCEEDED
    assert len([event for event in events if isinstance(event, LogLine)]) == 1
    streams = gateway.requests("GET", f"/v1/ingestion-runs/{run_id}/events")
    assert [stream.headers.get("Last-Event-ID") for stream in streams] == [None, "41"]


@pytest.mark.parametrize("events", ["busy", "silent"])
async def test_without_events_the_run_is_asked_for(gateway: FakeGateway, client: Client, events: str) -> None:
    gateway.events = events
    run_id = UUID(gateway.add_run(None)["id"])
    seen: list[RunEvent] = []
    run = await client.runs.wait(run_id, on_event=seen.append)
    assert run.status is JobStatus.SUCCEEDED
    assert isinstance(seen[-1], Run)
    assert gateway.requests("GET", f"/v1/ingestion-runs/{run_id}")


async def test_waiting_ends_in_time(gateway: FakeGateway, client: Client) -> None:
    gateway.events = "never"
    run_id = UUID(gateway.add_run(None)["id"])
    with pytest.raises(WaitTimeoutError, match="it goes on"):
        await client.runs.wait(run_id, timeout_seconds=0.1)


async def test_a_run_that_is_not_there_ends_the_waiting(client: Client) -> None:
    with pytest.raises(ProblemError) as refused:
        await client.runs.wait(UUID(shapes.new_id()))
    assert refused.value.status == 404


async def test_a_short_outage_is_borne(gateway: FakeGateway, client: Client) -> None:
    run = gateway.add_run(None)
    path = f"/v1/ingestion-runs/{run['id']}"
    gateway.refuse(f"{path}/events", 502, "<html>", times=1)
    gateway.refuse(path, 503, shapes.problem(503, "dependency_unavailable", "down"), times=3)
    ended = await client.runs.wait(UUID(run["id"]))
    assert ended.status is JobStatus.SUCCEEDED


async def test_a_long_outage_ends_the_waiting() -> None:
    with serving(FakeGateway()) as gateway:
        url = gateway.url
    limits = FollowLimits(poll_seconds=0.01, outage_seconds=0.05)
    async with Client(url, follow=limits, retries=RetryPolicy(attempts=1)) as client:
        with pytest.raises(UnreachableError):
            await client.runs.wait(UUID(shapes.new_id()), timeout_seconds=20)


async def test_events_can_be_read_one_by_one(gateway: FakeGateway, client: Client) -> None:
    run_id = UUID(gateway.add_run(None)["id"])
    ids = [event_id async for _event, event_id in client.runs.events(run_id)]
    assert ids == ["0", "41", "41"]
