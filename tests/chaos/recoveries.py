"""What the stack says it has put right, counted from the logs of its services: their metrics die with them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASKS: Final = (
    "reclaim_lost",
    "announce_again",
    "retry_dead_jobs",
    "expire_batches",
    "close_runs",
    "drop_abandoned",
    "delete_sources",
)


def recoveries(logs: Path) -> Counter[str]:
    """By what was done, how often."""
    found: Counter[str] = Counter()
    for line in _lines(logs):
        match line:
            case {"event": "periodic_task_changed", "task": task, "changes": changes} if task in TASKS:
                for what, count in changes.items():
                    found[f"{task}: {what}"] += count
            case {"event": "results_stored", "late": late}:
                found["late results dropped"] += late
    return +found


def _lines(logs: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(logs.glob("*.log*")):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if text.startswith("{") and text.endswith("}"):
                try:
                    yield json.loads(text)
                except ValueError:
                    continue  # a line that a kill cut short, with the next one behind it
