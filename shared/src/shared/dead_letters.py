"""Where messages go that no version of this code understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from shared.contracts.topics import INGEST_DEAD

if TYPE_CHECKING:
    from shared.queue.ports import Delivery, Publisher

_log = structlog.get_logger(__name__)


class DeadMessages(Protocol):
    """Keeps them for operators."""

    async def add(self, *, topic: str, channel: str, message_id: str, reason: str, body: bytes) -> bool:
        """Keep a message; False where it is kept already."""
        ...


class DeadLetters:
    """A :data:`shared.queue.ports.DeadLetterSink`: into the table once, and onto ``ingest.dead``."""

    def __init__(self, *, table: DeadMessages, publisher: Publisher) -> None:
        self._table = table
        self._publisher = publisher

    async def __call__(self, delivery: Delivery, reason: str) -> None:
        """Keep the message. The topic gets it first: a repetition after a crash in between is kept once in the table.

        Raises:
            DependencyError: it could not be kept; nsqd delivers it again.
        """
        if delivery.body:
            # nsqd takes no empty message; the table has it all the same.
            await self._publisher.publish(INGEST_DEAD.name, delivery.body)
        await self._table.add(
            topic=delivery.topic,
            channel=delivery.channel,
            message_id=delivery.id,
            reason=reason,
            body=delivery.body,
        )
        _log.error("dead_message", topic=delivery.topic, message_id=delivery.id, reason=reason)
