from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_WRITE_BACK_BYTES = 8 << 20


class PartialFile:
    """The blocking half of an upload: each method is one step for a thread, and steps never overlap.

    Args:
        partial: where the bytes go; must not exist yet.
        final: the name that a finished file gets, in the same directory.
        root: the directory of the store; directories below it are made and made durable.
    """

    def __init__(self, *, partial: Path, final: Path, root: Path) -> None:
        self._partial = partial
        self._final = final
        self._root = root
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._unsynced_bytes = 0

    def create(self) -> None:
        """Open the file for writing, readable by its owner only.

        Raises:
            FileExistsError: there is an upload for this run already.
        """
        with self._lock:
            make_private(self._partial.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._partial, flags, mode=0o600), "wb")

    def append(self, parts: Iterable[bytes]) -> None:
        """Hash and write."""
        with self._lock:
            file = self._open_file()
            for part in parts:
                self._digest.update(part)
                self._unsynced_bytes += file.write(part)
            if self._unsynced_bytes >= _WRITE_BACK_BYTES:
                self._start_write_back(file)

    def finish(self) -> str:
        """Make the bytes durable, then the name; the SHA-256 in hex."""
        with self._lock:
            file = self._open_file()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._file = None
            self._partial.rename(self._final)
            _sync_directories(self._final.parent, self._root)
            return self._digest.hexdigest()

    def discard(self) -> None:
        """Close and remove; nothing happens to a finished file."""
        with self._lock:
            if self._file is None:
                return
            with suppress(OSError):  # a full disk fails the flush; the file goes anyway
                self._file.close()
            self._file = None
            self._partial.unlink(missing_ok=True)
            remove_if_empty(self._partial.parent)

    def _start_write_back(self, file: BinaryIO) -> None:
        """Let the disk begin now (on Linux this advice does), so that the fsync at the end waits for little."""
        file.flush()
        start = file.tell() - self._unsynced_bytes
        os.posix_fadvise(file.fileno(), start, self._unsynced_bytes, os.POSIX_FADV_DONTNEED)
        self._unsynced_bytes = 0

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise OSError("the upload is over")
        return self._file


def make_private(directory: Path) -> None:
    """Make a directory and those above it, each for the owner only (``mkdir`` gives parents another mode)."""
    for each in (*reversed(directory.parents), directory):
        try:
            each.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(f"{each} is no directory") from error


def remove_if_empty(directory: Path) -> None:
    """Remove a directory unless something is in it; one that is gone is fine."""
    with suppress(OSError):
        directory.rmdir()


def _sync_directories(directory: Path, root: Path) -> None:
    """Make the entries on the way from the root durable, for any of them may be new."""
    while True:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if directory == root:
            return
        directory = directory.parent
