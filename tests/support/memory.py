"""How much memory processes take, read from /proc (proc_pid_status(5)) while something else goes on."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

PERIOD_SECONDS: Final = 0.1
MIB: Final = 1 << 20


def status_bytes(pid: int, field: str) -> int:
    """A figure of a process such as VmHWM, its peak resident memory; 0 of one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = [line.split() for line in lines if line.startswith(f"{field}:")]
    return int(found[0][1]) * 1024 if found else 0


def children(pids: Iterable[int]) -> dict[int, list[int]]:
    """The direct children of each of these processes."""
    wanted = set(pids)
    found: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            parent = _parent(path)
            if parent in wanted:
                found[parent].append(int(path.name))
    return found


def _parent(path: Path) -> int:
    try:
        text = (path / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


class MemoryWatch:
    """Looks at processes and their children until it is left.

    Args:
        pids: by name.

    Attributes:
        own: by name, the peak of the process itself, in bytes: the kernel keeps it, so that none is missed.
        largest_child: by name, the highest peak among its children, as far as they were seen.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.own: dict[str, int] = {}
        self.largest_child: dict[str, int] = defaultdict(int)
        self._pids = dict(pids)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Take all figures now."""
        born = children(self._pids.values())
        for name, pid in self._pids.items():
            self.own[name] = max(self.own.get(name, 0), status_bytes(pid, "VmHWM"))
            peaks = [status_bytes(child, "VmHWM") for child in born.get(pid, ())]
            self.largest_child[name] = max([self.largest_child[name], *peaks])

    def report(self) -> str:
        """One line for each process, in MiB."""
        return "\n".join(
            f"{name}: {self.own[name] // MIB} MiB, largest child {self.largest_child[name] // MIB} MiB"
            for name in sorted(self.own)
        )

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            self.look()
