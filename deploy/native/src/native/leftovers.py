"""Finds the processes of a stack without being told their pids, and ends them; never anybody else's."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from native.errors import NativeError
from native.launch import postgres_processes
from native.process import MARKER

POLL_SECONDS: Final = 0.05
SURVIVAL_SECONDS: Final = 10
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


@dataclass(frozen=True)
class Leftovers:
    """What is left of one stack.

    Attributes:
        marked: processes that the stack started, and what they started.
        postgres: processes that stand in a PostgreSQL data directory of it, the postmaster among them.
    """

    marked: frozenset[int]
    postgres: frozenset[int]

    @property
    def pids(self) -> list[int]:
        """All of them."""
        return sorted(self.marked | self.postgres)

    def ask(self) -> None:
        """Ask them to stop. PostgreSQL's fast shutdown is SIGINT, to the postmaster alone."""
        send(sorted(self.marked - self.postgres), signal.SIGTERM)
        send(sorted(self.marked & self.postgres), signal.SIGINT)

    def kill(self) -> None:
        """Kill them."""
        send(self.pids, signal.SIGKILL)


def find(root: Path, *, below: bool = False) -> Leftovers:
    """The processes of the data directory ``root``; with ``below``, also those of directories inside it.

    PostgreSQL's children overwrite their environment, but all stand in its data directory.
    """
    everybody = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    marked = {
        pid for pid in everybody if _belongs(marked_root(pid), root, below=below) and not is_zombie(pid)
    }
    data = {root / "postgres", root / "postgres.new", *(root.rglob("postgres") if below else ())}
    postgres = {pid for folder in data for pid in postgres_processes(folder) if not is_zombie(pid)}
    return Leftovers(frozenset(marked - {os.getpid()}), frozenset(postgres))


def _belongs(marked: Path | None, root: Path, *, below: bool) -> bool:
    return marked is not None and (marked == root or (below and marked.is_relative_to(root)))


def send(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, what)


def end(root: Path, *, grace_seconds: float, below: bool = False) -> int:
    """End what is left of a stack: asked first, killed after the grace; how many there were.

    Raises:
        NativeError: something survived even that.
    """
    first = left = find(root, below=below)
    first.ask()
    kill_at = time.monotonic() + grace_seconds
    while left.pids:
        if time.monotonic() > kill_at + SURVIVAL_SECONDS:
            raise NativeError(f"Processes {left.pids} of {root} do not end, not even when killed.")
        if time.monotonic() > kill_at:
            left.kill()
        time.sleep(POLL_SECONDS)
        left = find(root, below=below)
    return len(first.pids)
