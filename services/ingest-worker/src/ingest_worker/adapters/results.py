"""Publishing results."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ingest_worker.core.result_parts import is_surely_larger, split
from shared.contracts.messages import encode
from shared.contracts.topics import INGEST_RESULT
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from shared.contracts.messages import ResultMessage
    from shared.queue.ports import Publisher

_PAUSE_SECONDS: Final = 0.5


class QueueResults:
    """Results onto ``ingest.result``.

    Args:
        publisher: resolves when nsqd has confirmed.
        max_part_bytes: of one message, as JSON.
        patience_seconds: how long an nsqd that is away is waited for, for all parts together.
    """

    def __init__(self, *, publisher: Publisher, max_part_bytes: int, patience_seconds: float) -> None:
        self._publisher = publisher
        self._max_part_bytes = max_part_bytes
        self._patience_seconds = patience_seconds

    async def deliver(self, result: ResultMessage) -> None:
        """Publish all parts; a part that may have been stored is sent again, the rows keep it once.

        Raises:
            DependencyUnavailableError: nsqd stayed away longer than the patience.
        """
        until = asyncio.get_running_loop().time() + self._patience_seconds
        if not is_surely_larger(result, self._max_part_bytes):
            whole = encode(result)
            if len(whole) <= self._max_part_bytes:
                await self._publish(whole, until)
                return
        for part in split(result, max_bytes=self._max_part_bytes):
            await self._publish(encode(part), until)

    async def _publish(self, body: bytes, until: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._publisher.publish(INGEST_RESULT.name, body)
            except DependencyUnavailableError:
                if loop.time() > until:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return
