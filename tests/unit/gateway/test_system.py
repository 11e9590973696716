from __future__ import annotations

import asyncio
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from gateway.adapters.announcements import Announcements
from gateway.adapters.source_deletes import SourceDeletes
from gateway.http import html
from gateway.usecases.system import SystemView, part_of
from shared.contracts.messages import DeleteMessage, decode
from shared.errors import DependencyUnavailableError
from shared.observability.readiness import DependencyState
from shared.postgres.reads.records import ProcessRow
from shared.testing.queue import MemoryBroker
from unit.gateway.fakes import FakeDependencies
from unit.gateway.rows import CALLER, MOMENT, an_id

UP = DependencyState("up", "", MOMENT)
DOWN = DependencyState("down", "no answer", MOMENT)


def process(kind: str = "ingest-worker", *, alive: bool = True, minutes: int = 0) -> ProcessRow:
    moment = MOMENT + timedelta(minutes=minutes)
    return ProcessRow(kind=kind, alive=alive, started_at=moment, lease_until=moment)


class FakeOperations:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def processes(self, _tenant_id: object) -> tuple[list[ProcessRow], str]:
        if self.error:
            raise self.error
        return [process(), process("result-consumer")], "18.4"


def view(broker: MemoryBroker, error: Exception | None = None, **states: DependencyState) -> SystemView:
    return SystemView(
        dependencies=FakeDependencies(**({"postgres": UP, "nsqd": UP, "weaviate": UP} | states)),
        operations=FakeOperations(error),  # type: ignore[arg-type]  # only processes
        queue=broker,
        versions={"quern": "1"},
    )


@pytest.mark.parametrize(
    ("processes", "status"),
    [
        ([], "down"),
        ([process(alive=False)], "down"),
        ([process("janitor")], "down"),
        ([process()], "up"),
        ([process(), process()], "up"),
        ([process(), process(alive=False)], "degraded"),
    ],
)
def test_a_part_of_processes_is_as_well_as_they_are(processes: list[ProcessRow], status: str) -> None:
    assert part_of(processes, "ingest-worker").status == status


def test_a_part_is_up_since_the_first_and_down_since_the_last() -> None:
    assert part_of([process(minutes=5), process(minutes=1)], "ingest-worker").since == MOMENT + timedelta(
        minutes=1
    )
    lost = [process(alive=False, minutes=5), process(alive=False, minutes=1)]
    assert part_of(lost, "ingest-worker").since == MOMENT + timedelta(minutes=5)


async def test_the_overview_shows_all_parts() -> None:
    broker = MemoryBroker()
    await broker.create_channel("ingest.task", "worker")
    overview = await view(broker).look(CALLER)
    assert {name: part.status for name, part in overview.components.items()} == {
        "postgres": "up",
        "nsqd": "up",
        "weaviate": "up",
        "workers": "up",
        "consumers": "up",
        "janitor": "down",
    }
    assert [topic.topic for topic in overview.topics] == ["ingest.task"]
    assert overview.versions == {"quern": "1", "postgres": "18.4"}


async def test_what_is_down_is_shown_and_fails_nothing() -> None:
    broker = MemoryBroker()
    broker.go_down()
    system = view(broker, DependencyUnavailableError("postgres", "x"), postgres=DOWN, nsqd=DOWN)
    overview = await system.look(CALLER)
    assert overview.components["postgres"].status == "down"
    assert overview.components["workers"].detail == "unknown while Postgres does not answer"
    assert overview.topics == ()
    assert system.down() == {"postgres", "nsqd"}


async def test_a_delete_is_announced_with_whom_it_is_for() -> None:
    broker = MemoryBroker()
    await SourceDeletes(publisher=broker.publisher()).announce(caller=CALLER, source_id=an_id(5))
    [body] = broker.published("source.delete")
    message = decode(body, DeleteMessage)
    assert (message.source_id, message.tenant_id, message.request_id) == (an_id(5), CALLER.tenant_id, "req-1")


async def test_nobody_waits_for_a_queue_that_is_down() -> None:
    broker = MemoryBroker()
    publisher = broker.publisher()
    broker.go_down()
    async with asyncio.timeout(1):
        await SourceDeletes(publisher=publisher).announce(caller=CALLER, source_id=an_id(5))
    assert broker.published("source.delete") == []


class FakeDispatcher:
    def __init__(self) -> None:
        self.turns = 0
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def announce(self) -> int:
        self.turns += 1
        self.begun.set()
        await self.go_on.wait()
        return 0


async def test_wishes_during_a_turn_are_one_more_turn() -> None:
    dispatcher, stop = FakeDispatcher(), asyncio.Event()
    announcements = Announcements(dispatcher=dispatcher)
    task = asyncio.create_task(announcements.run(stop))
    announcements.announce()
    await dispatcher.begun.wait()
    for _ in range(5):
        announcements.announce()
    dispatcher.begun.clear()
    dispatcher.go_on.set()
    await dispatcher.begun.wait()
    stop.set()
    async with asyncio.timeout(5):
        await task
    assert dispatcher.turns == 2


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_no_text_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'"
    page = html.document(
        evil,
        [
            html.section(evil, html.table(evil, [evil], [[evil]], empty=evil)),
            html.figures([(evil, evil)]),
            html.paragraph(evil),
            html.links([(evil, evil)]),
        ],
        refresh_seconds=5,
    )
    parser = _Texts()
    parser.feed(page)
    assert "script" not in parser.tags
    assert "<script" not in page
