"""Where messages go that no version of this code understands."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from shared.content import clean_text
from shared.contracts.topics import INGEST_DEAD

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.dead import KeptMessage
    from shared.queue.ports import Delivery, Publisher

_log = structlog.get_logger(__name__)

_REASON_CHARACTERS: Final = 500
_REMEMBERED: Final = 1000


class DeadMessages(Protocol):
    """Keeps them for operators."""

    async def add(
        self, *, topic: str, channel: str, message_id: str, reason: str, body: bytes
    ) -> KeptMessage:
        """Keep a message, once."""
        ...

    async def mark_published(self, key: UUID) -> None:
        """``ingest.dead`` has it too."""
        ...


class DeadLetters:
    """A :data:`shared.queue.ports.DeadLetterSink`: into the table once, then onto ``ingest.dead``.

    The table comes first, so that an outage of Postgres, in which the message is delivered again and again, publishes
    nothing. A process that is killed between nsqd's answer and the note of it publishes the message a second time: no
    order avoids that, and nobody but a person reads that topic.
    """

    def __init__(self, *, table: DeadMessages, publisher: Publisher) -> None:
        self._table = table
        self._publisher = publisher
        self._published: OrderedDict[UUID, None] = OrderedDict()

    async def __call__(self, delivery: Delivery, reason: str) -> None:
        """Keep the message.

        Raises:
            DependencyError: it could not be kept or published; nsqd delivers it again.
        """
        # The reason may quote the message: a name of a field that has a megabyte, or bytes that Postgres refuses.
        reason = clean_text(reason[:_REASON_CHARACTERS])
        kept = await self._table.add(
            topic=delivery.topic,
            channel=delivery.channel,
            message_id=delivery.id,
            reason=reason,
            body=delivery.body,
        )
        if not kept.published:
            await self._publish(kept.key, delivery.body)
            await self._table.mark_published(kept.key)
            _log.error("dead_message", topic=delivery.topic, message_id=delivery.id, reason=reason)

    async def _publish(self, key: UUID, body: bytes) -> None:
        # nsqd takes no empty message; the table has it all the same.
        if not body or key in self._published:
            return
        await self._publisher.publish(INGEST_DEAD.name, body)
        self._published[key] = None
        while len(self._published) > _REMEMBERED:
            self._published.popitem(last=False)
