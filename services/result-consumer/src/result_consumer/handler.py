"""What happens to an ``ingest.result``: it is stored together with others, then indexing goes on from the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from shared.batching import Batcher
from shared.contracts.messages import FailureReport, MalformedMessageError, ResultMessage, decode
from shared.errors import DependencyUnavailableError, ErrorCode
from shared.observability.logging import log_context
from shared.observability.metrics import JOB_FAILURES, JOBS_FINISHED
from shared.outcome import DeadLetter, Done, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from result_consumer.ports import Results
    from shared.postgres.results import Stored
    from shared.queue.ports import Delivery

_log = structlog.get_logger(__name__)


class ResultHandler:
    """One result message after the other, stored in batches.

    Args:
        results: stores them.
        staged: told which jobs are complete and how many chunks they have.
        finished: told that something was stored: there may be room for what waits.
        batch: results in one transaction.
    """

    def __init__(
        self,
        *,
        results: Results,
        staged: Callable[[UUID, int], None],
        finished: Callable[[], None],
        batch: int,
    ) -> None:
        self._results = results
        self._staged = staged
        self._finished = finished
        self._storing: Batcher[ResultMessage, Outcome] = Batcher(self._store, at_most=batch)

    async def handle(self, delivery: Delivery) -> Outcome:
        """Store the result. The message is done as soon as the rows have it.

        Raises:
            DependencyUnavailableError: Postgres is away; nsqd delivers it again.
        """
        try:
            message = decode(delivery.body, ResultMessage)
        except MalformedMessageError as error:
            return DeadLetter(str(error))
        with log_context(job_id=str(message.job_id), request_id=message.request_id):
            return await self._storing.submit(message)

    async def _store(self, messages: Sequence[ResultMessage]) -> Sequence[Outcome]:
        unknown: set[UUID] = set()
        try:
            unknown.update(await self._stored(messages))
        except DependencyUnavailableError:
            raise
        except Exception:  # noqa: BLE001  (whatever it is, no result may keep the others from being stored)
            _log.exception("batch_not_stored", results=len(messages))
            # One of them cannot be stored: the others shall not suffer.
            for message in messages:
                unknown.update(await self._store_alone(message))
        return [
            DeadLetter(f"There never was a job {m.job_id}.") if m.job_id in unknown else Done()
            for m in messages
        ]

    async def _store_alone(self, message: ResultMessage) -> Sequence[UUID]:
        try:
            return await self._stored([message])
        except DependencyUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  (its job must end all the same, with a reason)
            _log.exception("result_not_stored", job_id=str(message.job_id), epoch=message.epoch)
            failed = _unstorable(message, error)
            return await self._stored([failed])

    async def _stored(self, messages: Sequence[ResultMessage]) -> Sequence[UUID]:
        """Store them; returns the jobs among them that never were."""
        stored = await self._results.store(messages)
        self._went_well(messages, stored)
        return stored.unknown

    def _went_well(self, messages: Sequence[ResultMessage], stored: Stored) -> None:
        chunks = {m.job_id: m.content.chunk_count for m in messages if m.content is not None}
        for job_id in stored.indexing:
            self._staged(job_id, chunks.get(job_id, 0))
        for _, kind, status, error_code in stored.endings:
            JOBS_FINISHED.inc(kind, status)
            if error_code:
                JOB_FAILURES.inc(error_code)
        _log.info(
            "results_stored",
            results=len(messages),
            indexing=len(stored.indexing),
            discovered=stored.discovered,
            ended=len(stored.endings),
            again=len(stored.again),
            late=len(stored.late),
        )
        self._finished()


def _unstorable(message: ResultMessage, error: Exception) -> ResultMessage:
    """The same result as a failure, so that its job ends and can be replayed."""
    failure = FailureReport(
        code=ErrorCode.INTERNAL_ERROR,
        sentence=f"Quern could not store this result ({type(error).__name__}): the consumer's log has the details.",
        retryable=True,
    )
    return msgspec.structs.replace(
        message, failure=failure, page=None, content=None, skipped=None, logs=[], part=0, parts=1
    )
