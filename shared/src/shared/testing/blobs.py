from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from shared.blobs import BlobEntry, BlobMissingError, BlobTooLargeError, StoredBlob
from shared.blobs.names import PARTIAL, BlobKey, safe_name
from shared.clock import now
from shared.errors import DependencyRejectedError, DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from uuid import UUID

_ROOT = PurePosixPath("/memory")


class MemoryBlobStore:
    """Passes the blob store's behaviour suite; keeps bytes in a dictionary.

    Args:
        scratch: a directory for :meth:`path_for_reading`, which must give real files.

    Attributes:
        down: while true, every call fails as a store that is down does.
    """

    def __init__(self, *, scratch: Path) -> None:
        self.down = False
        self._scratch = scratch
        self._blobs: dict[BlobKey, tuple[bytes, datetime]] = {}

    async def open_writer(
        self, *, tenant_id: UUID, run_id: UUID, file_name: str, limit_bytes: int
    ) -> MemoryBlobWriter:
        """Begin an upload."""
        self.fail_if_down()
        key = BlobKey(tenant_id=tenant_id, run_id=run_id, name=safe_name(file_name))
        partial = BlobKey(tenant_id=tenant_id, run_id=run_id, name=PARTIAL)
        if partial in self._blobs:
            raise DependencyRejectedError("blobs", "There is an upload for this run already.")
        self.keep(partial, b"")
        return MemoryBlobWriter(store=self, key=key, partial=partial, limit_bytes=limit_bytes)

    async def path_for_reading(self, uri: str) -> Path:
        """A copy in the scratch directory."""
        self.fail_if_down()
        key = _key(uri)
        if key not in self._blobs or key.name == PARTIAL:
            raise BlobMissingError(uri)
        path = self._scratch / key.relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._blobs[key][0])
        return path

    async def delete(self, uri: str) -> None:
        """Forget a blob."""
        self.fail_if_down()
        self.forget(_key(uri))

    async def sweep(self, *, modified_before: datetime) -> AsyncIterator[BlobEntry]:
        """All that is kept, as it was when the sweep began."""
        self.fail_if_down()
        for key, (_, modified_at) in list(self._blobs.items()):
            if modified_at < modified_before:
                yield BlobEntry(uri=key.to_uri(_ROOT), modified_at=modified_at)

    async def check(self) -> None:
        """Whether it is up."""
        self.fail_if_down()

    async def close(self) -> None:
        """Behave like a closed store from now on."""
        self.down = True

    def fail_if_down(self) -> None:
        """Raise what a store that is down raises."""
        if self.down:
            raise DependencyUnavailableError("blobs", "The blob store is down.")

    def keep(self, key: BlobKey, data: bytes) -> str:
        """Store bytes under a key; its URI."""
        self._blobs[key] = (data, now())
        return key.to_uri(_ROOT)

    def forget(self, key: BlobKey) -> None:
        """Remove a key; one that is gone is fine."""
        self._blobs.pop(key, None)


class MemoryBlobWriter:
    """One upload into a :class:`MemoryBlobStore`."""

    def __init__(self, *, store: MemoryBlobStore, key: BlobKey, partial: BlobKey, limit_bytes: int) -> None:
        self._store = store
        self._key = key
        self._partial = partial
        self._limit_bytes = limit_bytes
        self._data = bytearray()
        self._over = False

    async def write(self, data: bytes) -> None:
        """Append."""
        self._data += data
        self._check()

    async def commit(self) -> StoredBlob:
        """Give it its name."""
        self._check()
        self._over = True
        data = bytes(self._data)
        uri = self._store.keep(self._key, data)
        self._store.forget(self._partial)
        return StoredBlob(uri=uri, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    async def abort(self) -> None:
        """Remove what was written, unless it is committed."""
        self._over = True
        self._store.forget(self._partial)

    async def __aenter__(self) -> Self:
        """The writer itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort, unless committed."""
        await self.abort()

    def _check(self) -> None:
        self._store.fail_if_down()
        if len(self._data) > self._limit_bytes:
            raise BlobTooLargeError(self._limit_bytes)
        if self._over:
            raise DependencyUnavailableError("blobs", "The upload is over.")


def _key(uri: str) -> BlobKey:
    try:
        return BlobKey.from_uri(uri)
    except ValueError as error:
        raise BlobMissingError(uri) from error
