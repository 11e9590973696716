from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from shared.blobs.names import BlobKey
from shared.errors import DependencyRejectedError
from shared.postgres.upkeep_content import BlobOfRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from janitor.ports import Blobs, Content

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 200


class SweepBlobs:
    """Removes originals that nothing can need any more, and what broken uploads left behind.

    The age limit protects an upload whose row is not committed yet.
    """

    def __init__(
        self, *, content: Content, blobs: Blobs, age_seconds: float, clock: Callable[[], datetime]
    ) -> None:
        self._content = content
        self._blobs = blobs
        self._age_seconds = age_seconds
        self._clock = clock

    async def run_once(self) -> dict[str, int]:
        """Look at every original that is old enough."""
        before = self._clock() - timedelta(seconds=self._age_seconds)
        deleted = 0
        some: dict[BlobOfRun, str] = {}
        async for entry in self._blobs.sweep(modified_before=before):
            key = BlobKey.from_uri(entry.uri)
            path = "/" + "/".join(entry.uri.rsplit("/", 3)[1:])
            some[BlobOfRun(key.tenant_id, key.run_id, path)] = entry.uri
            if len(some) == _AT_ONCE:
                deleted += await self._delete_unneeded(some)
                some = {}
        return {"deleted": deleted + await self._delete_unneeded(some)}

    async def _delete_unneeded(self, some: dict[BlobOfRun, str]) -> int:
        if not some:
            return 0
        deleted = 0
        needed = await self._content.needed(list(some))
        for blob, uri in some.items():
            if blob in needed:
                continue
            try:
                await self._blobs.delete(uri)
            except DependencyRejectedError as error:
                _log.warning("blob_not_deleted", uri=uri, detail=str(error))
            else:
                deleted += 1
        return deleted
