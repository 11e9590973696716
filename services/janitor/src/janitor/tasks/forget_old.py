from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Sums


class ForgetOld:
    """Forgets processes, hosts and index batches that have long been over, and all but the newest dead messages."""

    def __init__(
        self,
        *,
        sums: Sums,
        workers_seconds: float,
        hosts_seconds: float,
        batches_seconds: float,
        dead_messages: int,
        at_most: int,
    ) -> None:
        self._sums = sums
        self._workers_seconds = workers_seconds
        self._hosts_seconds = hosts_seconds
        self._batches_seconds = batches_seconds
        self._dead_messages = dead_messages
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Forget the next ones."""
        return {
            "workers": await self._sums.forget_workers(after_seconds=self._workers_seconds),
            "hosts": await self._sums.forget_hosts(after_seconds=self._hosts_seconds, at_most=self._at_most),
            "batches": await self._sums.forget_batches(
                after_seconds=self._batches_seconds, at_most=self._at_most
            ),
            "dead_messages": await self._sums.forget_dead_messages(
                keep=self._dead_messages, at_most=self._at_most
            ),
        }
