from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from result_consumer.handler import ResultHandler
from shared.contracts.messages import ContentReport, ResultMessage, encode
from shared.errors import DependencyUnavailableError, ErrorCode
from shared.outcome import DeadLetter, Done
from shared.postgres.results import Stored
from shared.queue.ports import Delivery
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Sequence


def message(number: int) -> ResultMessage:
    return ResultMessage(
        job_id=UUID(int=number),
        epoch=1,
        tenant_id=UUID(int=9),
        handler=Handler.FILE,
        payload={"n": number},
        content=ContentReport(title="t", content_type="c", content_hash="h", chunk_count=7),
    )


def delivery(body: bytes) -> Delivery:
    return Delivery(
        id="0" * 16, body=body, attempts=1, timestamp_ns=0, topic="ingest.result", channel="result-consumer"
    )


class Results:
    def __init__(
        self, poison: UUID | None = None, *, down: bool = False, unknown: Sequence[UUID] = ()
    ) -> None:
        self.poison = poison
        self.unknown = unknown
        self.down = down
        self.stored: list[ResultMessage] = []

    async def store(self, messages: Sequence[ResultMessage]) -> Stored:
        if self.down:
            raise DependencyUnavailableError("postgres", "away")
        if any(m.job_id == self.poison and m.failure is None for m in messages):
            raise ValueError("poison")
        self.stored += messages
        known = [m for m in messages if m.job_id not in self.unknown]
        unknown = [m.job_id for m in messages if m.job_id in self.unknown]
        return Stored(indexing=[m.job_id for m in known if m.failure is None], late=unknown, unknown=unknown)


class Bench:
    def __init__(self, results: Results) -> None:
        self.results = results
        self.staged: dict[UUID, int] = {}
        self.rung = 0
        self.handler = ResultHandler(
            results=results, staged=self.staged.__setitem__, finished=self._ring, batch=10
        )

    def _ring(self) -> None:
        self.rung += 1


async def test_a_stored_result_goes_on_to_indexing() -> None:
    bench = Bench(Results())
    assert await bench.handler.handle(delivery(encode(message(1)))) == Done()
    assert bench.staged == {UUID(int=1): 7}
    assert bench.rung == 1


async def test_noise_is_a_dead_letter() -> None:
    assert isinstance(await Bench(Results()).handler.handle(delivery(b"{}")), DeadLetter)


async def test_a_result_of_a_job_that_never_was_is_a_dead_letter_and_the_others_are_stored() -> None:
    bench = Bench(Results(unknown=[UUID(int=2)]))
    answers = await asyncio.gather(*(bench.handler.handle(delivery(encode(message(n)))) for n in (1, 2, 3)))
    assert answers == [Done(), DeadLetter(f"There never was a job {UUID(int=2)}."), Done()]
    assert set(bench.staged) == {UUID(int=1), UUID(int=3)}


async def test_a_database_that_is_away_is_nobodys_failure() -> None:
    with pytest.raises(DependencyUnavailableError):
        await Bench(Results(down=True)).handler.handle(delivery(encode(message(1))))


async def test_a_poison_result_fails_alone_with_its_payload() -> None:
    import asyncio  # noqa: PLC0415

    bench = Bench(Results(poison=UUID(int=2)))
    outcomes = await asyncio.gather(*(bench.handler.handle(delivery(encode(message(n)))) for n in (1, 2, 3)))
    assert outcomes == [Done(), Done(), Done()]
    assert set(bench.staged) == {UUID(int=1), UUID(int=3)}
    (failed,) = [m for m in bench.results.stored if m.failure is not None]
    assert failed.job_id == UUID(int=2)
    assert failed.failure is not None
    assert failed.failure.code == ErrorCode.INTERNAL_ERROR
    assert failed.payload == {"n": 2}
