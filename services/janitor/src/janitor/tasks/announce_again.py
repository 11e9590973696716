from __future__ import annotations

from typing import TYPE_CHECKING

from shared.observability.metrics import ANNOUNCED_JOBS

if TYPE_CHECKING:
    from janitor.ports import Announcing, QueueDoor


class AnnounceAgain:
    """Announces jobs again whose message nobody took up: it may be lost.

    No storm while the queue is merely long: only what is in the window can be announced again, and each job's pause
    doubles.
    """

    def __init__(
        self, *, announcing: Announcing, queue: QueueDoor, after_seconds: float, at_most: int
    ) -> None:
        self._announcing = announcing
        self._queue = queue
        self._after_seconds = after_seconds
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Announce again what is overdue; nothing while nsqd is away, which says nothing about messages."""
        if not self._queue.ready:
            return {}
        again = await self._announcing.announce_again(
            after_seconds=self._after_seconds, at_most=self._at_most
        )
        ANNOUNCED_JOBS.inc("again", amount=again)
        return {"again": again}
