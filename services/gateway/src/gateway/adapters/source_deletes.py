"""Telling the janitor about a source that is to be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.contracts.messages import DeleteMessage, encode
from shared.contracts.topics import SOURCE_DELETE
from shared.errors import DependencyError

if TYPE_CHECKING:
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.queue.ports import Publisher

_log = structlog.get_logger(__name__)


class SourceDeletes:
    """Publishes ``source.delete``; a message that is lost costs latency only, the row says the same."""

    def __init__(self, *, publisher: Publisher) -> None:
        self._publisher = publisher

    async def announce(self, *, caller: Caller, source_id: UUID) -> None:
        """Say that a source is to be removed."""
        if not self._publisher.ready:
            # Nobody is made to wait for nsqd: the janitor looks at the rows as well.
            _log.warning("delete_not_announced", source_id=str(source_id), error="no connection to nsqd")
            return
        message = DeleteMessage(source_id=source_id, tenant_id=caller.tenant_id, request_id=caller.request_id)
        try:
            await self._publisher.publish(SOURCE_DELETE.name, encode(message))
        except DependencyError as error:
            _log.warning("delete_not_announced", source_id=str(source_id), error=str(error))
