from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from ingest_worker.handler import TaskHandler
from shared.contracts.messages import ResultMessage, TaskMessage, encode
from shared.errors import DependencyRejectedError, DependencyUnavailableError, ErrorCode, WorkError
from shared.outcome import DeadLetter, Done
from shared.postgres.claims import Claim, Ticket
from shared.queue.errors import PublishRejectedError
from shared.queue.ports import Delivery
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB, TENANT, SOURCE = UUID(int=1), UUID(int=2), UUID(int=3)
CLAIM = Claim(
    ticket=Ticket(JOB, 1),
    tenant_id=TENANT,
    root_id=UUID(int=4),
    source_id=SOURCE,
    handler=Handler.WEB,
    attempt=1,
    request_id="r",
    payload={"url": "https://site.test/"},
    config={},
    url_key="https://site.test/",
    depth=0,
    is_seed=True,
    host="https://site.test:443",
    secret_headers={"Authorization": "secret"},
    source_url="https://site.test/",
    etag=None,
    last_modified=None,
)


class Claims:
    def __init__(self) -> None:
        self.free = {CLAIM.ticket: CLAIM}
        self.were = {JOB}
        self.done: list[Ticket] = []
        self.returned: list[Ticket] = []
        self.pauses: list[float] = []
        self.outage: Exception | None = None
        self.lost: Exception | None = None
        self.mine: list[Ticket] = []
        self.taken = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.told = asyncio.Event()
        self.noting = asyncio.Event()
        self.noting.set()

    async def claim(self, tickets: Sequence[Ticket]) -> list[Claim]:
        if self.lost:
            raise self.lost
        claimed = [self.free.pop(ticket) for ticket in tickets if ticket in self.free]
        self.taken.set()
        await self.gate.wait()
        return claimed

    async def never_was(self, job_id: UUID, source_id: UUID | None) -> bool:
        return job_id not in self.were and source_id != SOURCE

    async def delivered(self, tickets: Sequence[Ticket]) -> None:
        self.told.set()
        await self.noting.wait()
        if self.outage:
            raise self.outage
        self.done += tickets

    async def hand_back(self, tickets: Sequence[Ticket], *, after_seconds: float) -> int:
        self.returned += tickets
        self.pauses.append(after_seconds)
        return len(tickets)

    async def held(self) -> list[Ticket]:
        return self.mine

    async def unstored(self) -> int:
        return 0


class Work:
    def __init__(self, outcome: Exception | None = None) -> None:
        self.outcome = outcome
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()

    async def do(self, claim: Claim) -> ResultMessage:
        self.started.set()
        await self.release.wait()
        if self.outcome:
            raise self.outcome
        return ResultMessage(
            job_id=claim.ticket.job_id,
            epoch=claim.ticket.epoch,
            tenant_id=claim.tenant_id,
            handler=claim.handler,
            payload=claim.payload,
            skipped="scope",
        )


class Results:
    def __init__(self, error: Exception | None = None) -> None:
        self.delivered: list[ResultMessage] = []
        self.error = error
        self.takes_failures = False

    async def deliver(self, result: ResultMessage) -> None:
        if self.error and not (self.takes_failures and result.failure):
            raise self.error
        self.delivered.append(result)


class Bench:
    """A handler with everything around it."""

    def __init__(self, work: Work | None = None, results: Results | None = None) -> None:
        self.claims = Claims()
        self.work = work or Work()
        self.results = results or Results()
        self.handler = TaskHandler(
            claims=self.claims,
            works={Handler.WEB: self.work},
            results=self.results,
            batch=8,
            jitter=lambda: 0.5,
            outage_pause_seconds=5,
            hand_back_seconds=1,
        )


def delivery(body: bytes | None = None, *, epoch: int = 1) -> Delivery:
    message = TaskMessage(
        job_id=JOB, epoch=epoch, tenant_id=TENANT, handler=Handler.WEB, attempt=1, payload={"url": "u"}
    )
    return Delivery(
        id="0" * 16,
        body=encode(message) if body is None else body,
        attempts=1,
        timestamp_ns=0,
        topic="ingest.task",
        channel="worker",
    )


async def test_a_task_is_claimed_done_and_delivered() -> None:
    bench = Bench()
    assert await bench.handler.handle(delivery()) == Done()
    assert [result.job_id for result in bench.results.delivered] == [JOB]
    assert bench.claims.done == [CLAIM.ticket]
    assert bench.claims.returned == []


async def test_a_task_that_is_over_or_taken_is_done() -> None:
    bench = Bench()
    assert await bench.handler.handle(delivery(epoch=2)) == Done()
    assert bench.results.delivered == []


async def test_a_task_delivered_again_while_it_is_done_adds_nothing() -> None:
    work = Work()
    work.release.clear()
    bench = Bench(work)
    first = asyncio.create_task(bench.handler.handle(delivery()))
    await work.started.wait()
    assert await bench.handler.handle(delivery()) == Done()
    work.release.set()
    assert await first == Done()
    assert len(bench.results.delivered) == 1


async def test_noise_is_a_dead_letter() -> None:
    assert isinstance(await Bench().handler.handle(delivery(b"noise")), DeadLetter)


async def test_a_failure_of_the_work_is_a_result_with_the_payload() -> None:
    bench = Bench(Work(WorkError(ErrorCode.TIMEOUT, "Too slow.", retryable=True, http_status=504)))
    assert await bench.handler.handle(delivery()) == Done()
    (result,) = bench.results.delivered
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable, result.failure.http_status) == (
        "timeout",
        True,
        504,
    )
    assert result.payload == CLAIM.payload
    assert b"secret" not in encode(result)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("url"),
        RuntimeError("bug"),
        OSError("disk"),
        DependencyRejectedError("postgres", "no such column"),
    ],
)
async def test_a_mistake_of_ours_ends_as_internal_error_and_not_in_silence(error: Exception) -> None:
    bench = Bench(Work(error))
    assert await bench.handler.handle(delivery()) == Done()
    (result,) = bench.results.delivered
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == (ErrorCode.INTERNAL_ERROR, True)
    assert bench.claims.returned == []


@pytest.mark.parametrize(
    "error", [PublishRejectedError("too large"), UnicodeEncodeError("utf-8", "?", 0, 1, "")]
)
async def test_a_result_that_no_queue_takes_becomes_a_failure(error: Exception) -> None:
    bench = Bench(results=Results(error))
    bench.results.takes_failures = True
    assert await bench.handler.handle(delivery()) == Done()
    (result,) = bench.results.delivered
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == (ErrorCode.INTERNAL_ERROR, False)
    assert bench.claims.returned == []


async def test_a_delivery_that_could_not_be_noted_is_done_all_the_same() -> None:
    bench = Bench()
    bench.claims.outage = DependencyUnavailableError("postgres", "away")
    assert await bench.handler.handle(delivery()) == Done()
    assert bench.claims.returned == []


async def test_a_delivery_that_could_not_be_noted_is_noted_with_the_next_sign_of_life() -> None:
    bench = Bench()
    bench.claims.outage = DependencyUnavailableError("postgres", "away")
    await bench.handler.handle(delivery())
    bench.claims.outage, bench.claims.mine = None, [CLAIM.ticket]
    assert await bench.handler.settle() == 1
    assert bench.claims.done == [CLAIM.ticket]
    assert bench.claims.returned == []


async def test_a_job_whose_message_was_lost_while_its_delivery_was_noted_does_not_stay_claimed() -> None:
    bench = Bench()
    bench.claims.noting.clear()
    running = asyncio.create_task(bench.handler.handle(delivery()))
    await bench.claims.told.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    bench.claims.noting.set()
    bench.claims.done, bench.claims.mine = [], [CLAIM.ticket]
    await bench.handler.settle()
    assert bench.claims.done == [CLAIM.ticket]
    assert bench.claims.returned == []


async def test_what_is_claimed_and_not_known_here_is_handed_back() -> None:
    bench = Bench()
    bench.claims.mine = [CLAIM.ticket]  # the answer to the claim was lost, and its message too
    with capture_logs() as logs:
        assert await bench.handler.settle() == 1
    assert bench.claims.returned == [CLAIM.ticket]
    told = {"event": "claim_settled", "log_level": "info", "outcome": "handed_back"}
    assert logs == [told | {"job_id": str(JOB), "epoch": 1}]
    assert bench.claims.done == []


async def test_a_result_that_nsqd_never_confirmed_counts_as_lost() -> None:
    bench = Bench(results=Results(DependencyUnavailableError("nsqd", "away")))
    with pytest.raises(DependencyUnavailableError):
        await bench.handler.handle(delivery())
    bench.claims.returned, bench.claims.mine = [], [CLAIM.ticket]  # handing back did not reach Postgres
    await bench.handler.settle()
    assert bench.claims.returned == [CLAIM.ticket]
    assert bench.claims.done == []


async def test_what_is_being_worked_on_is_left_alone() -> None:
    work = Work()
    work.release.clear()
    bench = Bench(work)
    running = asyncio.create_task(bench.handler.handle(delivery()))
    await work.started.wait()
    bench.claims.mine = [CLAIM.ticket]
    assert await bench.handler.settle() == 0
    work.release.set()
    assert await running == Done()
    assert bench.claims.done == [CLAIM.ticket]
    assert bench.claims.returned == []


@pytest.mark.parametrize("error", [None, DependencyUnavailableError("nsqd", "away")])
async def test_a_try_of_which_parts_may_be_out_is_never_worked_on_again(error: Exception | None) -> None:
    bench = Bench(results=Results(error))
    with nullcontext() if error is None else pytest.raises(DependencyUnavailableError):
        await bench.handler.handle(delivery())
    bench.results.delivered.clear()
    bench.results.error = None
    # As Postgres does where the job is this worker's still: delivering or handing back did not reach it.
    bench.claims.free[CLAIM.ticket] = CLAIM
    assert await bench.handler.handle(delivery()) == Done()
    assert bench.results.delivered == []


async def test_a_claim_whose_answer_was_lost_is_worked_on_at_the_next_delivery() -> None:
    bench = Bench()
    bench.claims.lost = DependencyUnavailableError("postgres", "the answer was lost")
    with pytest.raises(DependencyUnavailableError):
        await bench.handler.handle(delivery())
    bench.claims.lost = None
    assert await bench.handler.handle(delivery()) == Done()
    assert len(bench.results.delivered) == 1


@pytest.mark.parametrize("where", ["work", "results"])
async def test_an_outage_hands_the_job_back_and_spends_no_attempt(where: str) -> None:
    outage = DependencyUnavailableError("nsqd", "away")
    bench = Bench(Work(outage)) if where == "work" else Bench(results=Results(outage))
    with pytest.raises(DependencyUnavailableError):
        await bench.handler.handle(delivery())
    assert bench.claims.returned == [CLAIM.ticket]
    assert bench.claims.pauses == [pytest.approx(3)]
    assert bench.results.delivered == []
    # What nsqd does not have is not noted as delivered.
    assert bench.claims.done == []


async def test_a_shutdown_hands_the_job_back() -> None:
    work = Work()
    work.release.clear()
    bench = Bench(work)
    running = asyncio.create_task(bench.handler.handle(delivery()))
    await work.started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.claims.returned == [CLAIM.ticket]
    assert bench.claims.pauses == [0]


async def test_a_claim_that_was_committed_during_a_shutdown_is_handed_back() -> None:
    bench = Bench()
    bench.claims.gate.clear()
    running = asyncio.create_task(bench.handler.handle(delivery()))
    await bench.claims.taken.wait()
    running.cancel()
    bench.claims.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.claims.returned == [CLAIM.ticket]


@pytest.mark.parametrize(
    ("were", "payload", "dead"),
    [
        (set(), {}, True),
        (set(), {"source_id": str(UUID(int=99))}, True),
        (set(), {"source_id": str(SOURCE)}, False),
        ({JOB}, {}, False),
    ],
    ids=["never was", "of a source that never was", "removed with its source", "over or taken"],
)
async def test_a_job_that_never_was_is_told_apart_from_one_that_is_over(
    were: set[UUID], payload: dict[str, str], *, dead: bool
) -> None:
    bench = Bench()
    bench.claims.free, bench.claims.were = {}, were
    message = TaskMessage(
        job_id=JOB, epoch=1, tenant_id=TENANT, handler=Handler.WEB, attempt=1, payload=payload
    )
    body = encode(message)
    answer = await bench.handler.handle(
        Delivery(id="0" * 16, body=body, attempts=1, timestamp_ns=0, topic="ingest.task", channel="worker")
    )
    assert answer == (DeadLetter(f"There never was a job {JOB}.") if dead else Done())
