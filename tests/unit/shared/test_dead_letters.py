"""Dead messages: kept once, published once, whatever is away in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from shared.contracts.dead import KeptMessage
from shared.dead_letters import DeadLetters
from shared.errors import DependencyUnavailableError
from shared.queue.ports import Delivery

if TYPE_CHECKING:
    from uuid import UUID


@dataclass
class Table:
    rows: dict[str, tuple[UUID, str, bytes]] = field(default_factory=dict)
    published: set[UUID] = field(default_factory=set)
    down: set[str] = field(default_factory=set)

    async def add(
        self, *, topic: str, channel: str, message_id: str, reason: str, body: bytes
    ) -> KeptMessage:
        if "add" in self.down:
            raise DependencyUnavailableError("postgres", "away")
        assert (topic, channel) == ("ingest.task", "worker")
        key, _, _ = self.rows.setdefault(message_id, (new_id(), reason, body))
        return KeptMessage(key, key in self.published)

    async def mark_published(self, key: UUID) -> None:
        if "mark" in self.down:
            raise DependencyUnavailableError("postgres", "away")
        self.published.add(key)


@dataclass
class Queue:
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    down: bool = False
    ready: bool = True

    async def publish(self, topic: str, body: bytes) -> None:
        if self.down:
            raise DependencyUnavailableError("nsqd", "away")
        self.sent.append((topic, body))

    async def publish_many(self, topic: str, bodies: object) -> None:
        raise NotImplementedError

    async def wait_ready(self, timeout_seconds: float) -> bool:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


def delivery(body: bytes = b"noise", message_id: str = "0a" * 8) -> Delivery:
    return Delivery(
        id=message_id, body=body, attempts=1, timestamp_ns=0, topic="ingest.task", channel="worker"
    )


async def test_a_message_is_kept_and_published_once_however_often_it_comes() -> None:
    table, queue = Table(), Queue()
    for _ in range(2):
        for sink in [DeadLetters(table=table, publisher=queue) for _ in range(2)]:
            await sink(delivery(), "no JSON")
    assert queue.sent == [("ingest.dead", b"noise")]
    assert [reason for _, reason, _ in table.rows.values()] == ["no JSON"]


async def test_equal_bodies_of_two_messages_are_two() -> None:
    table, queue = Table(), Queue()
    sink = DeadLetters(table=table, publisher=queue)
    await sink(delivery(), "no JSON")
    await sink(delivery(message_id="0b" * 8), "no JSON")
    assert len(table.rows) == len(queue.sent) == 2


async def test_while_postgres_is_away_nothing_is_published_again_and_again() -> None:
    table, queue = Table(down={"add"}), Queue()
    sink = DeadLetters(table=table, publisher=queue)
    for _ in range(3):
        with pytest.raises(DependencyUnavailableError):
            await sink(delivery(), "no JSON")
    assert queue.sent == []
    table.down = {"mark"}
    for _ in range(3):
        with pytest.raises(DependencyUnavailableError):
            await sink(delivery(), "no JSON")
    table.down = set()
    await sink(delivery(), "no JSON")
    assert queue.sent == [("ingest.dead", b"noise")]


async def test_while_nsqd_is_away_the_row_is_there_and_the_topic_follows() -> None:
    table, queue = Table(), Queue(down=True)
    sink = DeadLetters(table=table, publisher=queue)
    with pytest.raises(DependencyUnavailableError):
        await sink(delivery(), "no JSON")
    assert len(table.rows) == 1
    queue.down = False
    await DeadLetters(table=table, publisher=queue)(delivery(), "no JSON")
    assert queue.sent == [("ingest.dead", b"noise")]


async def test_an_empty_message_is_kept_although_no_topic_takes_it() -> None:
    table, queue = Table(), Queue()
    await DeadLetters(table=table, publisher=queue)(delivery(b""), "empty")
    assert (len(table.rows), queue.sent) == (1, [])


async def test_a_reason_that_quotes_the_message_is_short_and_can_be_stored() -> None:
    table = Table()
    reason = "unknown field \x00\ud800" + "x" * 2_000_000
    await DeadLetters(table=table, publisher=Queue())(delivery(), reason)
    ((_, kept, _),) = table.rows.values()
    assert len(kept) <= 500
    assert kept.isprintable()
