from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import BusyError
from gateway.core.events import event
from gateway.usecases.following import Changed, Ended, Following, FollowLimits, Happening, Logged, Quiet
from gateway.usecases.system import SystemView
from shared.postgres.intake_errors import NotFoundError
from shared.testing.queue import MemoryBroker
from unit.gateway.fakes import FakeDependencies, FakeJobs
from unit.gateway.rows import CALLER, an_id, crawl, job, line

RUN = an_id(1)


def following(jobs: FakeJobs, stop: asyncio.Event | None = None, **limits: float) -> Following:
    values = {"poll_seconds": 0.0, "heartbeat_seconds": 60.0, "at_most_seconds": 60.0} | limits
    system = SystemView(
        dependencies=FakeDependencies(),
        operations=None,  # type: ignore[arg-type]  # not asked
        queue=MemoryBroker(),
        versions={},
    )
    return Following(
        jobs=jobs,  # type: ignore[arg-type]  # only follows
        system=system,
        limits=FollowLimits(**values, at_once=1, lines=2),
        stop=stop or asyncio.Event(),
    )


async def seen(follower: Following, after: int = 0) -> list[Happening]:
    return [happening async for happening in follower.happenings(CALLER, RUN, after)]


async def test_a_run_is_followed_to_its_end() -> None:
    states = [
        crawl(total=2, unit_announced=True),
        crawl(total=2, unit_announced=True),
        crawl(total=2, status="running", unit_status="running", unit_stage="claimed", succeeded=1),
        crawl(total=2, status="succeeded", succeeded=2, unit_status=None),
    ]
    happenings = await seen(following(FakeJobs(*states, lines=[line(1)])))
    assert [type(happening) for happening in happenings] == [Changed, Logged, Changed, Changed, Ended]
    changes = [h for h in happenings if isinstance(h, Changed)]
    assert [(c.status, c.waiting_for, c.progress.percent) for c in changes] == [
        ("queued", "worker", 0),
        ("running", None, 50),
        ("succeeded", None, 100),
    ]


async def test_all_lines_come_before_the_end_however_many_there_are() -> None:
    jobs = FakeJobs(job(status="failed", unit_status=None), lines=[line(number) for number in range(1, 8)])
    happenings = await seen(following(jobs))
    assert [h.line.id for h in happenings if isinstance(h, Logged)] == [1, 2, 3, 4, 5, 6, 7]
    assert isinstance(happenings[-1], Ended)


async def test_a_client_goes_on_behind_the_last_line_it_has() -> None:
    jobs = FakeJobs(job(status="failed", unit_status=None), lines=[line(number) for number in range(1, 5)])
    happenings = await seen(following(jobs), after=3)
    assert [h.line.id for h in happenings if isinstance(h, Logged)] == [4]


async def test_a_silent_stream_shows_that_it_lives() -> None:
    jobs = FakeJobs(job())
    follower = following(jobs, poll_seconds=0.001, heartbeat_seconds=0.002, at_most_seconds=0.01)
    happenings = await seen(follower)
    assert isinstance(happenings[0], Changed)
    assert happenings[1:]
    assert all(isinstance(happening, Quiet) for happening in happenings[1:])


async def test_while_postgres_is_away_that_is_what_the_run_waits_for() -> None:
    running = crawl(total=2, status="running", unit_status="running", unit_stage="claimed")
    jobs = FakeJobs(running, crawl(total=2, status="succeeded", succeeded=2, unit_status=None))
    jobs.outages = {1, 2, 3}
    happenings = await seen(following(jobs, poll_seconds=0.001))
    changes = [(h.status, h.waiting_for) for h in happenings if isinstance(h, Changed)]
    assert changes == [("running", None), ("running", "postgres"), ("succeeded", None)]
    assert isinstance(happenings[-1], Ended)


async def test_a_stream_that_begins_in_an_outage_tells_nothing_until_there_is_something() -> None:
    jobs = FakeJobs(job(status="failed", unit_status=None))
    jobs.outages = {0}
    assert [type(h) for h in await seen(following(jobs, poll_seconds=0.001))] == [Changed, Ended]


async def test_a_stream_ends_when_the_service_stops() -> None:
    stop = asyncio.Event()
    stop.set()
    jobs = FakeJobs(job())
    assert len(await seen(following(jobs, stop, poll_seconds=30.0))) == 1
    assert jobs.looks == 1


async def test_there_is_room_for_so_many_and_it_is_given_back() -> None:
    follower = following(FakeJobs())
    with follower.place(), pytest.raises(BusyError), follower.place():
        pass
    with follower.place():
        pass


@pytest.mark.parametrize("row", [job(parent_id=an_id(5)), job(type="page"), job(id=an_id(77))])
async def test_only_runs_are_followed(row: object) -> None:
    with pytest.raises(NotFoundError):
        await following(FakeJobs(row)).first_look(CALLER, RUN)  # type: ignore[arg-type]  # a row


def test_an_event_is_written_as_the_standard_has_it() -> None:
    assert event("log", b'{"a":1}', 7) == b'event: log\nid: 7\ndata: {"a":1}\n\n'
