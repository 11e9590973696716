from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Self

from shared.blobs.port import BlobTooLargeError, StoredBlob
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    from shared.blobs.partial_file import PartialFile
    from shared.blobs.steps import Steps

_BUFFER_BYTES = 2 << 20


class FilesystemBlobWriter:
    """Collects a buffer while the one before it is hashed and written by a thread: two in memory, no more."""

    def __init__(self, *, file: PartialFile, uri: str, limit_bytes: int, steps: Steps) -> None:
        self._file = file
        self._uri = uri
        self._limit_bytes = limit_bytes
        self._steps = steps
        self._size_bytes = 0
        self._parts: list[bytes] = []
        self._buffered_bytes = 0
        self._running: asyncio.Future[None] | None = None
        self._broken = False
        self._committed = False

    async def write(self, data: bytes) -> None:
        """Append."""
        self._size_bytes += len(data)
        self._check()
        self._parts.append(data)
        self._buffered_bytes += len(data)
        if self._buffered_bytes >= _BUFFER_BYTES:
            await self._hand_over()

    async def commit(self) -> StoredBlob:
        """Make it durable, then give it its name."""
        self._check()
        await self._hand_over()
        await self._settle()
        self._broken = True  # until it is known to be done
        sha256 = await self._steps.run(self._file.finish)
        self._committed = True
        return StoredBlob(uri=self._uri, sha256=sha256, size_bytes=self._size_bytes)

    async def abort(self) -> None:
        """Remove what was written, unless it is committed."""
        if self._committed:
            return
        self._broken = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None
        await self._steps.run(self._file.discard)

    async def __aenter__(self) -> Self:
        """The writer itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort, unless committed."""
        await self.abort()

    def _check(self) -> None:
        if self._size_bytes > self._limit_bytes:
            raise BlobTooLargeError(self._limit_bytes)
        if self._broken or self._committed:
            raise DependencyUnavailableError("blobs", "The upload is over.")

    async def _hand_over(self) -> None:
        """Start writing the buffer, after the one before it is written."""
        await self._settle()
        parts, self._parts, self._buffered_bytes = self._parts, [], 0
        self._running = self._steps.start(partial(self._file.append, parts))

    async def _settle(self) -> None:
        """Wait for the buffer that is being written; after a failure the bytes have a hole, so nothing follows."""
        running, self._running = self._running, None
        if running is not None:
            self._broken = True
            await self._steps.wait(running)
            self._broken = False
