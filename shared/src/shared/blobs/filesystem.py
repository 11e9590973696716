from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.blobs.names import PARTIAL, BlobKey, safe_name
from shared.blobs.partial_file import PartialFile, make_private, remove_if_empty
from shared.blobs.port import BlobEntry, BlobMissingError
from shared.blobs.steps import Steps
from shared.blobs.writer import FilesystemBlobWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from uuid import UUID

_ENTRIES_AT_ONCE = 500


class FilesystemBlobStore:
    """Blobs as files ``<root>/<tenant_id>/<run_id>/<safe file name>``; see the port for what each method does.

    Args:
        root: made if it is missing; one file system, because a finished file is renamed.
        deadline_seconds: how long one step (a buffer, an fsync, a look) may take.
        threads: how many steps run at once.
    """

    def __init__(self, *, root: Path, deadline_seconds: float = 60.0, threads: int = 4) -> None:
        self._root = root.absolute()
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="blobs")
        self._steps = Steps(threads=self._threads, deadline_seconds=deadline_seconds)

    async def open_writer(
        self, *, tenant_id: UUID, run_id: UUID, file_name: str, limit_bytes: int
    ) -> FilesystemBlobWriter:
        """Begin an upload."""
        key = BlobKey(tenant_id=tenant_id, run_id=run_id, name=safe_name(file_name))
        final = self._root / key.relative
        file = PartialFile(partial=final.with_name(PARTIAL), final=final, root=self._root)
        await self._steps.run(file.create)
        return FilesystemBlobWriter(
            file=file, uri=key.to_uri(self._root), limit_bytes=limit_bytes, steps=self._steps
        )

    async def path_for_reading(self, uri: str) -> Path:
        """The blob's own file."""
        path = self._path(uri)
        if path.name == PARTIAL or not await self._steps.run(path.is_file):
            raise BlobMissingError(uri)
        return path

    async def delete(self, uri: str) -> None:
        """Remove the file and the directory of its run."""
        path = self._path(uri)

        def remove() -> None:
            path.unlink(missing_ok=True)
            remove_if_empty(path.parent)

        await self._steps.run(remove)

    async def sweep(self, *, modified_before: datetime) -> AsyncIterator[BlobEntry]:
        """Walk the tree, some hundred entries in one step."""
        found = _old_entries(self._root, modified_before.timestamp())
        while entries := await self._steps.run(lambda: list(islice(found, _ENTRIES_AT_ONCE))):
            for key, modified in entries:
                yield BlobEntry(uri=key.to_uri(self._root), modified_at=datetime.fromtimestamp(modified, UTC))

    async def check(self) -> None:
        """Whether the root can be written to."""

        def look() -> None:
            make_private(self._root)
            if not os.access(self._root, os.W_OK | os.X_OK):
                raise PermissionError(f"{self._root} is not writable")

        await self._steps.run(look)

    async def close(self) -> None:
        """Let the threads end after the step they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _path(self, uri: str) -> Path:
        try:
            return self._root / BlobKey.from_uri(uri).relative
        except ValueError as error:
            raise BlobMissingError(uri) from error


def _old_entries(root: Path, before: float) -> Iterator[tuple[BlobKey, float]]:
    """Files of runs with their time of writing; emptied directories of old runs are removed on the way."""
    for tenant in _entries(root):
        for run in _entries(tenant.path):
            files = [(file.name, _modified(file)) for file in _entries(run.path)]
            if not files and _modified(run) < before:
                remove_if_empty(Path(run.path))
            for name, modified in files:
                key = _key_of(tenant.name, run.name, name)
                if key is not None and modified < before:
                    yield key, modified


def _entries(directory: str | Path) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing if it is gone or is none."""
    try:
        with os.scandir(directory) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _modified(entry: os.DirEntry[str]) -> float:
    """The time of the last write; what is gone meanwhile is not old."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return math.inf


def _key_of(tenant: str, run: str, name: str) -> BlobKey | None:
    """The key of a file, unless it is not one of ours (``lost+found`` and the like)."""
    try:
        return BlobKey.from_uri(f"file:///{tenant}/{run}/{quote(name)}")
    except ValueError:
        return None
