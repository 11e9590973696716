from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from janitor.handler import DeleteHandler
from janitor.ports import Removal
from shared.clock import new_id
from shared.contracts.messages import DeleteMessage, encode
from shared.outcome import DeadLetter, Done, Outcome, Retry
from shared.queue import Delivery
from shared.vectors import VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

MESSAGE = DeleteMessage(source_id=new_id(), tenant_id=new_id(), request_id="req-1")


class FakeRemover:
    def __init__(self, outcome: Removal | Exception) -> None:
        self.removed: list[UUID] = []
        self._outcome = outcome

    async def remove(self, source_id: UUID) -> Removal:
        self.removed.append(source_id)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def delivery(body: bytes) -> Delivery:
    return Delivery(
        id="0" * 16, body=body, attempts=1, timestamp_ns=0, topic="source.delete", channel="janitor"
    )


class FakeSources:
    """Sources that are or were there."""

    def __init__(self, *known: UUID) -> None:
        self._known = known

    async def exists(self, source_id: UUID) -> bool:
        return source_id in self._known


async def handle(
    remover: FakeRemover, body: bytes, *, known: Sequence[UUID] = (MESSAGE.source_id,)
) -> Outcome:
    handler = DeleteHandler(remover=remover, sources=FakeSources(*known), pause_seconds=5.0)
    return await handler.handle(delivery(body))


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Removal.DELETED, Done()),
        (Removal.GONE, Done()),
        (Removal.BUSY, Done()),
        (Removal.WAITING, Retry(5.0, "its index batches are still open")),
    ],
)
async def test_what_became_of_the_removal_answers_the_message(outcome: Removal, answer: Outcome) -> None:
    remover = FakeRemover(outcome)
    assert await handle(remover, encode(MESSAGE)) == answer
    assert remover.removed == [MESSAGE.source_id]


async def test_a_source_that_never_was_is_no_message_of_ours() -> None:
    answer = await handle(FakeRemover(Removal.GONE), encode(MESSAGE), known=())
    assert answer == DeadLetter(f"There never was a source {MESSAGE.source_id}.")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b'{"v":2}', b"\xff" * 1000])
async def test_a_message_that_cannot_be_understood_removes_nothing(body: bytes) -> None:
    remover = FakeRemover(Removal.DELETED)
    assert isinstance(await handle(remover, body), DeadLetter)
    assert remover.removed == []


async def test_an_outage_is_no_fault_of_the_message() -> None:
    with pytest.raises(VectorsUnavailableError):
        await handle(FakeRemover(VectorsUnavailableError("down")), encode(MESSAGE))
