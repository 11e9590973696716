"""Runs one handler task for each delivery and answers with its outcome: all that does not depend on the transport."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from shared.errors import DependencyUnavailableError
from shared.queue.acks import Ack, Bury, Finish, OutcomeLabel, Reply, Requeue, ack_of
from shared.queue.rules import backoff_seconds, requeue_ms

if TYPE_CHECKING:
    from collections.abc import Hashable

    from shared.queue.ports import ConsumerOptions, DeadLetterSink, Delivery, Handler, RecordMessage

_log = structlog.get_logger(__name__)

#: Leases lost one by one within so long are told in one line: a queue that comes back after a crash may repeat all
#: that it had sent, message by message.
TELL_LOST_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Lease:
    """One delivery at work. ``over`` once it was answered or lost: from then on nothing is sent for it."""

    source: Hashable
    delivery: Delivery
    reply: Reply
    task: asyncio.Task[None] | None = None
    over: bool = False


class Runner:
    """Holds the leases of one consumer.

    A delivery's lease ends by its answer or by being lost: its connection closed, nsqd said that it is not ours
    any more, or the same message came again over the same connection. A lost lease cancels its handler and sends
    nothing, because an answer would speak about the next delivery.
    """

    def __init__(
        self,
        *,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
        record: RecordMessage,
    ) -> None:
        self._handler = handler
        self._dead_letter = dead_letter
        self._options = options
        self._record = record
        self._leases: dict[tuple[Hashable, str], _Lease] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost: Counter[str] = Counter()
        self._telling: asyncio.TimerHandle | None = None
        self._draining = False
        self._waiting_for_dependency = False

    @property
    def in_flight(self) -> int:
        """How many handlers are at work, those included whose lease is lost but which have not ended yet."""
        return len(self._tasks)

    def in_flight_of(self, source: Hashable) -> int:
        """How many leases came over this connection."""
        return sum(1 for owner, _ in self._leases if owner is source)

    def deliver(self, source: Hashable, delivery: Delivery, reply: Reply) -> None:
        """Take a delivery; ``source`` is the connection that it came over and has to be answered over."""
        if self._draining:
            reply.requeue(0)
            return
        self.lose(source, delivery.id, "the same message was delivered again")
        lease = _Lease(source, delivery, reply)
        self._leases[source, delivery.id] = lease
        task = asyncio.create_task(self._run(lease), name=f"{delivery.topic}:{delivery.id}")
        lease.task = task
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, lease))

    def lose(self, source: Hashable, message_id: str, reason: str) -> None:
        """The lease is gone: cancel its handler and never answer."""
        lease = self._leases.get((source, message_id))
        if lease is None:
            return
        self._lose(lease)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_LOST_SECONDS, self._tell_lost)
        self._lost[reason] += 1

    def lose_source(self, source: Hashable, reason: str) -> None:
        """A connection is gone, and every lease that came over it."""
        mine = [lease for lease in self._leases.values() if lease.source is source]
        for lease in mine:
            self._lose(lease)
        if mine:  # one line for all: a connection may have carried dozens of them
            _log.warning("leases_lost", messages=len(mine), reason=reason)

    def _tell_lost(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for reason, messages in self._lost.items():
            _log.warning("leases_lost", messages=messages, reason=reason)
        self._lost.clear()

    def touch_all(self) -> None:
        """Tell nsqd that every handler is still at work."""
        for lease in list(self._leases.values()):
            lease.reply.touch()

    async def drain(self, grace_seconds: float) -> None:
        """Let the handlers end within the grace, cancel the rest, hand their messages back."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._options.cancel_seconds)
        for lease in list(self._leases.values()):
            _log.error("handler_ignores_cancellation", **_about(lease.delivery))
            self._requeue(lease, OutcomeLabel.HANDED_BACK, 0.0)
        self._tell_lost()

    async def _run(self, lease: _Lease) -> None:
        ack = await self._work(lease.delivery)
        if isinstance(ack, Bury) and not lease.over:
            ack = await self._bury(lease.delivery, ack)
        self._answer(lease, ack)

    def _ended(self, lease: _Lease, task: asyncio.Task[None]) -> None:
        """Answer for a handler that was cancelled; a task cancelled before its first step could not do it itself."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("runner_failed", **_about(lease.delivery), exc_info=error)
        if lease.over:
            return
        if self._draining:
            self._requeue(lease, OutcomeLabel.HANDED_BACK, 0.0)
        else:  # the handler was cancelled by something of its own: without a delay it would come back at once
            self._requeue(lease, OutcomeLabel.ERROR, self._error_delay(lease.delivery))

    async def _work(self, delivery: Delivery) -> Ack:
        """Run the handler; what it raises becomes an ack as well."""
        try:
            ack = ack_of(await self._handler(delivery))
        except DependencyUnavailableError as error:
            return self._unavailable(delivery, error)
        except Exception as error:  # noqa: BLE001  (whatever a handler raises must end in an answer)
            _log.exception("handler_failed", **_about(delivery))
            if delivery.attempts >= self._options.max_failed_attempts:
                reason = f"the handler failed at delivery {delivery.attempts}: {type(error).__name__}"
                return Bury(OutcomeLabel.DEAD_LETTER, reason)
            return Requeue(OutcomeLabel.ERROR, self._error_delay(delivery))
        self._waiting_for_dependency = False
        return ack

    def _unavailable(self, delivery: Delivery, error: DependencyUnavailableError) -> Requeue:
        """An outage is no failure of the message: try again later, warn once until something works again."""
        level = "debug" if self._waiting_for_dependency else "warning"
        self._waiting_for_dependency = True
        log = getattr(_log, level)
        log(
            "handler_waits_for_dependency", **_about(delivery), dependency=error.dependency, detail=str(error)
        )
        return Requeue(OutcomeLabel.UNAVAILABLE, self._error_delay(delivery))

    async def _bury(self, delivery: Delivery, bury: Bury) -> Ack:
        try:
            await self._dead_letter(delivery, bury.reason)
        except DependencyUnavailableError as error:
            return self._unavailable(delivery, error)
        except Exception:  # noqa: BLE001  (a message that nobody kept must come back)
            _log.exception("dead_letter_failed", **_about(delivery))
            return Requeue(OutcomeLabel.ERROR, self._error_delay(delivery))
        return Finish(bury.label)

    def _error_delay(self, delivery: Delivery) -> float:
        return backoff_seconds(
            delivery.attempts,
            base_seconds=self._options.error_delay_seconds,
            max_seconds=self._options.error_delay_max_seconds,
            dice=random.random(),  # noqa: S311  (spreads load, guards nothing)
        )

    def _answer(self, lease: _Lease, ack: Ack) -> None:
        match ack:
            case Finish(label=label):
                if self._end(lease, label):
                    lease.reply.finish()
            case Requeue(label=label, delay_seconds=seconds):
                self._requeue(lease, label, seconds)

    def _lose(self, lease: _Lease) -> None:
        self._end(lease, OutcomeLabel.LEASE_LOST)
        if lease.task is not None:
            lease.task.cancel()

    def _requeue(self, lease: _Lease, label: OutcomeLabel, seconds: float) -> None:
        if self._end(lease, label):
            lease.reply.requeue(requeue_ms(seconds, max_seconds=self._options.requeue_max_seconds))

    def _end(self, lease: _Lease, label: OutcomeLabel) -> bool:
        """Close the lease; False when it was over already, and then nothing may be sent."""
        if lease.over:
            return False
        lease.over = True
        del self._leases[lease.source, lease.delivery.id]
        self._record(lease.delivery.topic, lease.delivery.channel, label)
        _log.debug("message_settled", **_about(lease.delivery), outcome=str(label))
        return True


def _about(delivery: Delivery) -> dict[str, str | int]:
    """What a log line may say about a message: everything but its body."""
    return {
        "topic": delivery.topic,
        "channel": delivery.channel,
        "message_id": delivery.id,
        "attempts": delivery.attempts,
    }
