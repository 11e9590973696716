"""What processes take, read from /proc: CPU time, memory."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    own_seconds: float
    reaped_seconds: float


def _stats() -> dict[int, _Stat]:
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
            found[int(entry.name)] = _Stat(int(fields[1]), own / _TICKS, reaped / _TICKS)
    return found


def family(pids: Iterable[int]) -> set[int]:
    """These processes and all that descend from them."""
    children = defaultdict(list)
    for pid, stat in _stats().items():
        children[stat.parent].append(pid)
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def cpu_seconds(pids: Iterable[int]) -> tuple[float, float]:
    """CPU time of these processes, and of the children of theirs that have ended."""
    stats = _stats()
    there = [stats[pid] for pid in pids if pid in stats]
    return sum(stat.own_seconds for stat in there), sum(stat.reaped_seconds for stat in there)


def rss_mib(pids: Iterable[int]) -> float:
    """Resident memory in MiB; what processes share counts once for each."""
    total = 0
    for pid in pids:
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1])
        except OSError:
            continue
    return total * _PAGE_BYTES / _MIB


def pss_mib(pids: Iterable[int]) -> float:
    """Memory in MiB, what is shared divided among those who share it."""
    total = 0
    for pid in pids:
        try:
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class PeakMemory:
    """The largest resident memory of a process while this is open, looked at every few milliseconds."""

    def __init__(self, pid: int, *, every_seconds: float = 0.005) -> None:
        self._pid = pid
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before_mib = self.peak_mib = rss_mib([pid])

    @property
    def added_mib(self) -> float:
        """The peak above what it was at the beginning."""
        return self.peak_mib - self.before_mib

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_seconds):
            self.peak_mib = max(self.peak_mib, rss_mib([self._pid]))
