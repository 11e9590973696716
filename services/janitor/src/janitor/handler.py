"""What happens to a message on ``source.delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janitor.ports import Removal
from shared.contracts.messages import DeleteMessage, MalformedMessageError, decode
from shared.observability.logging import log_context
from shared.outcome import DeadLetter, Done, Outcome, Retry

if TYPE_CHECKING:
    from janitor.ports import KnownSources, SourceRemover
    from shared.queue.ports import Delivery


class DeleteHandler:
    """Removes the source at once. The row says what is to be done: a message for anything else has no effect."""

    def __init__(self, *, remover: SourceRemover, sources: KnownSources, pause_seconds: float) -> None:
        """``pause_seconds`` is until a source is looked at again whose index batches are still open."""
        self._remover = remover
        self._sources = sources
        self._pause_seconds = pause_seconds

    async def handle(self, delivery: Delivery) -> Outcome:
        """A :data:`shared.queue.ports.Handler`."""
        try:
            message = decode(delivery.body, DeleteMessage)
        except MalformedMessageError as error:
            return DeadLetter(str(error))
        with log_context(request_id=message.request_id or None, source_id=str(message.source_id)):
            outcome = await self._remover.remove(message.source_id)
            if outcome is Removal.GONE and not await self._sources.exists(message.source_id):
                return DeadLetter(f"There never was a source {message.source_id}.")
        if outcome is Removal.WAITING:
            return Retry(self._pause_seconds, "its index batches are still open")
        return Done()
