"""What it takes to start one process of the stack."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from native.files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER: Final = "QUERN_PROCESS_OF"
"""Set in the environment of every process that the stack starts, to its data directory.

It tells leftovers from strangers: nobody exports it, as one might export QUERN_DATA_DIR.
"""

LAUNCHER: Final = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process.

    Attributes:
        name: as in stack.json.
        argv: the command, its program as an absolute path.
        env: its whole environment; nothing is inherited.
        cwd: where it runs.
        log: where its output goes.
        stop_signal: what asks it to stop, as a supervisord ``stopsignal``.
        stop_seconds: how long it may take before it is killed.
        admin_port: where it serves health and metrics, for services.
        postgres_data: for PostgreSQL, its data directory: the launcher makes a start after a crash safe.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    log: Path
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    admin_port: int | None = None
    postgres_data: Path | None = None

    def save(self, folder: Path) -> Path:
        """Write what the launcher reads, private because the environment holds secrets; its path."""
        path = folder / f"{self.name}.json"
        postgres_data = str(self.postgres_data) if self.postgres_data else None
        what = {
            "argv": self.argv,
            "env": dict(self.env),
            "cwd": str(self.cwd),
            "postgres_data": postgres_data,
        }
        write_private(path, json.dumps(what, indent=2) + "\n")
        return path


def server_env(root: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: little, so that a user's PGPORT or GOMEMLIMIT cannot change the stack."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", MARKER: str(root), **(extra or {})}
