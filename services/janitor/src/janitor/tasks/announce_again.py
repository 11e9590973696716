from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.contracts.topics import INGEST_TASK
from shared.errors import DependencyError
from shared.observability.metrics import ANNOUNCED_JOBS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from janitor.ports import Announcing, QueueDoor
    from shared.queue.ports import TopicStats

_log = structlog.get_logger(__name__)


class AnnounceAgain:
    """Announces jobs again whose message nobody took up: it may be lost.

    No storm while the queue is merely long: no more is announced again than there are announcements which are not in
    it, and each job's pause doubles.
    """

    def __init__(
        self,
        *,
        announcing: Announcing,
        queue: QueueDoor,
        stats: Callable[[], Awaitable[Sequence[TopicStats]]],
        after_seconds: float,
        at_most: int,
    ) -> None:
        self._announcing = announcing
        self._queue = queue
        self._stats = stats
        self._after_seconds = after_seconds
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Announce again what is overdue; nothing while nsqd is away, which says nothing about messages."""
        if not self._queue.ready:
            return {}
        again = await self._announcing.announce_again(
            after_seconds=self._after_seconds, at_most=self._at_most, waiting=await self._waiting()
        )
        ANNOUNCED_JOBS.inc("again", amount=again)
        return {"again": again}

    async def _waiting(self) -> int:
        """Messages that wait in nsqd for workers, once each.

        Those in flight are somebody's, who may be frozen: they do not count. Nor do copies in a channel that somebody
        made to look on: nobody may ever take them, and what was lost would never be announced again.
        """
        try:
            topics = await self._stats()
        except DependencyError as error:
            # Without its figures the doubling pauses have to do.
            _log.debug("queue_not_counted", dependency=error.dependency)
            return 0
        mine = [topic for topic in topics if topic.topic == INGEST_TASK.name]
        channels = [c for topic in mine for c in topic.channels if c.channel == INGEST_TASK.channel]
        return sum(topic.depth for topic in mine) + sum(c.depth + c.deferred for c in channels)
