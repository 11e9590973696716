"""Turns itself into one process of the stack: sets its environment and folder, then executes it.

Standard library only and run with ``-I -S``, so that it costs about 20 ms: the supervisor's configuration
stays free of secrets and of quoting rules, and the process keeps the pid that the supervisor knows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

ORPHAN_SECONDS = 20.0
"""How long the processes of a killed postmaster may take to end by themselves before they are killed."""


def postgres_processes(data: Path) -> list[int]:
    """The pids of PostgreSQL processes that work in this data directory (it is where each of them stands)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stands_in, program = (entry / "cwd").readlink(), (entry / "exe").readlink()
        except OSError:
            continue  # it ended, or it is another user's
        if stands_in == data and program.name.removesuffix(" (deleted)") == "postgres":
            found.append(int(entry.name))
    return found


def recorded_postmaster(data: Path) -> int | None:
    """The pid in the pid file that a running or killed postmaster left (its first line)."""
    try:
        return int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def clear_postgres(data: Path) -> None:
    """Wait until no process of an earlier postmaster is left, then remove its pid file.

    They notice its death, but one that computes does so late; PostgreSQL refuses to start beside them. The
    pid file would stop a start when its pid has been given to another process meanwhile.
    """
    deadline = time.monotonic() + ORPHAN_SECONDS
    while orphans := postgres_processes(data):
        if recorded_postmaster(data) in orphans:
            sys.exit(f"PostgreSQL is running in {data} already: stop it first.")
        if time.monotonic() > deadline:
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 1
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def main() -> None:
    """Execute what the file named by the first argument describes."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if spec["postgres_data"]:
        clear_postgres(Path(spec["postgres_data"]))
    os.chdir(spec["cwd"])
    os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606  (the stack wrote this private file)


if __name__ == "__main__":
    main()
