from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from shared.errors import DependencyRejectedError, QuernError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from uuid import UUID


class BlobTooLargeError(QuernError):
    """More bytes came than the limit allows; ``limit_bytes`` tells it."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The file is larger than {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class BlobMissingError(DependencyRejectedError):
    """There is no such blob, or its URI is not one of this store."""

    def __init__(self, uri: str) -> None:
        super().__init__("blobs", f"There is no stored file {uri!r}.")
        self.uri = uri


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What a committed writer leaves: where, the SHA-256 (hex) of all bytes, and how many there are."""

    uri: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """A blob found by a sweep, or the remains of an upload that never ended."""

    uri: str
    modified_at: datetime


class BlobWriter(Protocol):
    """One upload. Leaving its ``async with`` block without a commit removes what was written."""

    async def write(self, data: bytes) -> None:
        """Append; hashing and writing happen off the event loop, with at most two buffers in memory.

        Raises:
            BlobTooLargeError: these bytes exceed the limit; nothing more can be written.
            DependencyUnavailableError: the store ("blobs") cannot write, or not in time.
        """

    async def commit(self) -> StoredBlob:
        """Make it durable (file and directory fsynced), then give it its name; only then it can be read.

        Raises:
            DependencyUnavailableError: as for :meth:`write`; it may be durable or not.
        """

    async def abort(self) -> None:
        """Remove what was written, unless it is committed; safe to call twice."""

    async def __aenter__(self) -> Self:
        """The writer itself."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort, unless committed."""


class BlobStore(Protocol):
    """Keeps the originals of uploads, one blob for each run; a blob never changes.

    All methods raise ``DependencyUnavailableError("blobs")`` when the store does not do its part in time.
    """

    async def open_writer(
        self, *, tenant_id: UUID, run_id: UUID, file_name: str, limit_bytes: int
    ) -> BlobWriter:
        """Begin an upload of at most ``limit_bytes``; ``file_name`` is what the user called it."""

    async def path_for_reading(self, uri: str) -> Path:
        """A local file with the blob's bytes, to be read only.

        Raises:
            BlobMissingError: there is no such blob.
        """

    async def delete(self, uri: str) -> None:
        """Remove a blob; one that is gone is fine.

        Raises:
            BlobMissingError: the URI is not one of this store.
        """

    def sweep(self, *, modified_before: datetime) -> AsyncIterator[BlobEntry]:
        """All blobs, and remains of uploads, last written before that time; in no order."""

    async def check(self) -> None:
        """Return when the store can take uploads now."""

    async def close(self) -> None:
        """Give back what the store holds; safe to call twice."""
