"""Blocks of ports for this test session that no other session on the machine takes meanwhile."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from native.errors import NativeError, PortInUseError
from native.ports import BLOCK, Ports, refuse_taken

DEFAULT_RANGE = "21000-31999"
"""Below what Linux hands out to outgoing connections (32768 and up)."""


class PortClaims:
    """Hands out blocks of free ports, each held by a lock on a file that ends with this process."""

    def __init__(self) -> None:
        low, _, high = os.environ.get("QUERN_TEST_PORTS", DEFAULT_RANGE).partition("-")
        self._bases = iter(range(int(low), int(high) - BLOCK + 2, BLOCK))
        self._held: list[IO[str]] = []

    def take(self) -> Ports:
        """The ports of a stack; the public one is the last of its block."""
        for base in self._bases:
            ports = Ports(base=base, http=base + BLOCK - 1)
            if self._lock(base):
                try:
                    refuse_taken(ports, workers=2, consumers=2)
                except PortInUseError:
                    continue
                return ports
        raise NativeError("No block of free ports is left for tests: widen QUERN_TEST_PORTS (first-last).")

    def _lock(self, base: int) -> bool:
        path = Path(tempfile.gettempdir(), f"quern-test-ports-{base}.lock")
        try:
            stream = path.open("w")
            self._held.append(stream)
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Give all blocks back."""
        for stream in self._held:
            stream.close()
