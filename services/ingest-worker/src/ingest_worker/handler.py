"""What happens to an ``ingest.task``: claim, do, deliver."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import structlog

from shared.batching import Batcher
from shared.contracts.messages import (
    FailureReport,
    MalformedMessageError,
    ResultMessage,
    TaskMessage,
    decode,
    source_named,
)
from shared.errors import DependencyUnavailableError, ErrorCode, WorkError
from shared.observability.logging import log_context
from shared.observability.metrics import SETTLED_CLAIMS, STAGE_DURATION
from shared.outcome import DeadLetter, Done, Outcome
from shared.postgres.claims import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingest_worker.ports import Claims, Results, Work
    from shared.postgres.claims import Claim
    from shared.queue.ports import Delivery
    from shared.states import Handler

_log = structlog.get_logger(__name__)

#: Tries whose results left this process: what is delivered again that late is another worker's.
_REMEMBERED: Final = 10_000


class TaskHandler:
    """One task message after the other, many at once.

    Args:
        claims: the rows of the jobs.
        works: by the kind of job.
        results: where they go.
        batch: claims in one transaction.
        jitter: anything between 0 and 1; spreads the return of the jobs that an outage hands back.
        outage_pause_seconds: after which such a job is due again, at most; a fifth of it at least.
        hand_back_seconds: how long handing back may take.
    """

    def __init__(
        self,
        *,
        claims: Claims,
        works: Mapping[Handler, Work],
        results: Results,
        batch: int,
        jitter: Callable[[], float],
        outage_pause_seconds: float = 5.0,
        delivered_pause_seconds: float = 0.2,
        hand_back_seconds: float = 5.0,
    ) -> None:
        self._claims = claims
        self._works = works
        self._results = results
        self._jitter = jitter
        self._outage_pause_seconds = outage_pause_seconds
        self._hand_back_seconds = hand_back_seconds
        self._at_work: set[Ticket] = set()
        self._sent: OrderedDict[Ticket, bool] = OrderedDict()
        """Tries whose results left, and whether nsqd has confirmed all of it."""
        self._claiming: Batcher[Ticket, Claim | None] = Batcher(self._claim, at_most=batch)
        # Nobody waits for this but the message and its slot, so that half of the slots may wait for company.
        self._delivering: Batcher[Ticket, None] = Batcher(
            self._delivered,
            at_most=batch,
            pause_seconds=delivered_pause_seconds,
            enough=max(1, batch // 2),
        )

    async def handle(self, delivery: Delivery) -> Outcome:
        """Do what the message's job asks for, if it is still to be done.

        Raises:
            DependencyUnavailableError: one of our own servers is away; the job was handed back.
        """
        try:
            message = decode(delivery.body, TaskMessage)
        except MalformedMessageError as error:
            return DeadLetter(str(error))
        with log_context(job_id=str(message.job_id), request_id=message.request_id):
            ticket = Ticket(message.job_id, message.epoch)
            if ticket in self._at_work or ticket in self._sent:
                # Delivered again: this delivery has nothing to add. Done a second time, the page might have
                # changed, and parts of both would make up one result.
                return Done()
            self._at_work.add(ticket)
            try:
                return await self._do(ticket, message)
            finally:
                self._at_work.discard(ticket)

    async def settle(self) -> int:
        """See to jobs that are this worker's by the rows, and that nobody here works on; returns how many there were.

        The answer to a claim was lost and its message with it, or Postgres was away when the job was to be handed back
        or its delivery to be noted. As long as this worker lives, nobody else would look before the job's deadline.

        Raises:
            DependencyUnavailableError: Postgres is away: the next turn finds them again.
        """
        held = [ticket for ticket in await self._claims.held() if ticket not in self._at_work]
        delivered = [ticket for ticket in held if self._sent.get(ticket)]
        lost = [ticket for ticket in held if not self._sent.get(ticket)]
        if delivered:
            await self._claims.delivered(delivered)
            _tell_settled("delivered", delivered)
        if lost:
            await self._claims.hand_back(lost, after_seconds=0.0)
            _tell_settled("handed_back", lost)
        return len(held)

    async def _do(self, ticket: Ticket, message: TaskMessage) -> Outcome:
        claim = await self._claimed(ticket)
        if claim is None:
            return await self._nothing_to_do(ticket, message)
        try:
            await self._deliver(claim, await self._result(claim))
        except DependencyUnavailableError:
            # No failure of the work; but at once it would meet the same outage.
            await self._hand_back(ticket, after_seconds=self._outage_pause())
            raise
        except BaseException:
            # Shut down, or lost the message.
            await self._hand_back(ticket)
            raise
        await self._note_delivered(ticket)
        return Done()

    async def _nothing_to_do(self, ticket: Ticket, message: TaskMessage) -> Outcome:
        if await self._claims.never_was(ticket.job_id, source_named(message.payload)):
            return DeadLetter(f"There never was a job {ticket.job_id}.")
        _log.debug("task_over_or_taken", epoch=ticket.epoch)
        return Done()

    async def _note_delivered(self, ticket: Ticket) -> None:
        try:
            await self._delivering.submit(ticket)
        except DependencyUnavailableError as error:
            # nsqd has the result, the row learns of it with the next sign of life.
            _log.warning("delivery_not_noted", error=str(error))

    def _outage_pause(self) -> float:
        return self._outage_pause_seconds * (0.2 + 0.8 * self._jitter())

    async def _claimed(self, ticket: Ticket) -> Claim | None:
        """The claim; one that was committed while this handler was being cancelled is handed back."""
        claiming = asyncio.ensure_future(self._claiming.submit(ticket))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.wait({claiming}, timeout=self._hand_back_seconds)
            await self._hand_back(ticket)
            raise

    async def _result(self, claim: Claim) -> ResultMessage:
        try:
            return await self._works[claim.handler].do(claim)
        except WorkError as error:
            return _failed(claim, error)
        except DependencyUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  (logged, and reported as a result)
            # A mistake of ours: the job must not come back for ever, and must not vanish.
            _log.exception("work_failed_unexpectedly")
            return _failed(claim, _internal(error, retryable=True))

    async def _deliver(self, claim: Claim, result: ResultMessage) -> None:
        self._remember(claim.ticket)
        try:
            await self._results.deliver(result)
        except DependencyUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  (logged, and reported as a result)
            # Refused by the queue, or no message at all: the same result would fare no better the next time.
            _log.exception("result_not_deliverable")
            result = _failed(claim, _internal(error, retryable=False))
            await self._results.deliver(result)
        self._sent[claim.ticket] = True
        for stage, seconds in result.seconds.items():
            STAGE_DURATION.observe(seconds, stage)
        _log.info(
            "task_delivered",
            handler=result.handler.value,
            error_code=result.failure.code.value if result.failure else None,
            skipped=result.skipped,
            chunks=result.content.chunk_count if result.content else 0,
            seconds=result.seconds,
        )

    def _remember(self, ticket: Ticket) -> None:
        self._sent[ticket] = False
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    async def _hand_back(self, ticket: Ticket, *, after_seconds: float = 0.0) -> None:
        try:
            async with asyncio.timeout(self._hand_back_seconds):
                await self._claims.hand_back([ticket], after_seconds=after_seconds)
        except Exception as error:  # noqa: BLE001  (done with the next sign of life, or the lease lapses)
            _log.warning("not_handed_back", error=str(error) or type(error).__name__)

    async def _claim(self, tickets: Sequence[Ticket]) -> Sequence[Claim | None]:
        mine = {claim.ticket: claim for claim in await self._claims.claim(tickets)}
        return [mine.pop(ticket, None) for ticket in tickets]

    async def _delivered(self, tickets: Sequence[Ticket]) -> Sequence[None]:
        await self._claims.delivered(tickets)
        return [None for _ in tickets]


def _tell_settled(outcome: str, tickets: Sequence[Ticket]) -> None:
    SETTLED_CLAIMS.inc(outcome, amount=len(tickets))
    for ticket in tickets:
        _log.info("claim_settled", outcome=outcome, job_id=str(ticket.job_id), epoch=ticket.epoch)


def _internal(error: Exception, *, retryable: bool) -> WorkError:
    return WorkError(
        ErrorCode.INTERNAL_ERROR,
        f"Quern made a mistake with this document ({type(error).__name__}): the worker's log has the details.",
        retryable=retryable,
    )


def _failed(claim: Claim, error: WorkError) -> ResultMessage:
    return ResultMessage(
        job_id=claim.ticket.job_id,
        epoch=claim.ticket.epoch,
        tenant_id=claim.tenant_id,
        handler=claim.handler,
        request_id=claim.request_id,
        payload=claim.payload,
        failure=FailureReport(
            code=error.code,
            sentence=error.sentence,
            retryable=error.retryable,
            http_status=error.http_status,
            retry_after_seconds=error.retry_after_seconds,
        ),
    )
