"""Finds the processes of a stack without being told their pids, and ends them; never anybody else's."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

from native.errors import NativeError
from native.launch import postgres_processes
from native.process import MARKER

POLL_SECONDS: Final = 0.05
PROC: Final = Path("/proc")


def marked_root(pid: int) -> Path | None:
    """The data directory that a process was started for, as its environment says; None for strangers."""
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None  # it ended, or it is another user's
    for entry in environment.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == MARKER.encode():
            return Path(os.fsdecode(value))
    return None


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and only waits for its parent to notice."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def find(root: Path) -> list[int]:
    """The pids of all processes that work for the data directory ``root``, or for one below it.

    PostgreSQL's children overwrite their environment, but all stand in its data directory.
    """
    found: set[int] = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (marked := marked_root(int(entry.name))) and marked.is_relative_to(root):
            found.add(int(entry.name))
    for data in {root / "postgres", *root.glob("*/postgres")}:
        found.update(postgres_processes(data))
    found.discard(os.getpid())
    return sorted(pid for pid in found if not is_zombie(pid))


def send(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue  # it has ended meanwhile


def end(root: Path, *, grace_seconds: float) -> int:
    """End what is left of a stack: asked first, killed after the grace; how many there were.

    Raises:
        NativeError: something survived even that.
    """
    first = find(root)
    send(first, signal.SIGTERM)
    kill_at = time.monotonic() + grace_seconds
    while left := find(root):
        if time.monotonic() > kill_at + 10:
            raise NativeError(f"Processes {left} of {root} do not end, not even when killed.")
        if time.monotonic() > kill_at:
            send(left, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return len(first)
