from __future__ import annotations

from typing import TYPE_CHECKING

from shared.queue.errors import QueueUnavailableError

if TYPE_CHECKING:
    from janitor.ports import Announcing, Jobs, QueueDoor


class AnnounceWaiting:
    """Fills every window that has room: whoever finishes something announces what comes next, this is for the rest.

    Slots of slow hosts and pauses before a next attempt come due without anybody finishing anything.
    """

    def __init__(self, *, jobs: Jobs, announcing: Announcing, queue: QueueDoor) -> None:
        self._jobs = jobs
        self._announcing = announcing
        self._queue = queue

    async def run_once(self) -> dict[str, int]:
        """Announce what fits.

        Raises:
            QueueUnavailableError: there is something to announce, and no nsqd.
        """
        if not await self._jobs.anything_waiting():
            return {}
        if not self._queue.ready:
            raise QueueUnavailableError("There is no connection to nsqd: jobs wait in Postgres.")
        announced = await self._announcing.announce()
        return {"announced": announced}
