"""What is printed: the schedule before, the figures or the first broken promise after."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from chaos.broken import BrokenPromiseError
    from chaos.options import Options
    from chaos.plan import Plan
    from chaos.round import Figures
    from chaos.schedule import Fault


def announcement(options: Options, plan: Plan, schedule: Sequence[Fault]) -> str:
    """What will happen, for reading along and for doing it again."""
    lines = [
        f"{options.command}",
        (
            f"{plan.documents} documents: {len(plan.sites)} sites, {len(plan.files)} files;"
            f" {len(schedule)} faults in {options.fault_seconds:.0f} s:"
        ),
        *map(str, schedule),
    ]
    return "\n".join(lines) + "\n"


def table(options: Options, plan: Plan, calm: Figures, disturbed: Figures, seconds: float) -> str:
    """The figures of a run in which every promise was kept."""
    made = disturbed.faults or Counter()
    rows: dict[str, Any] = {
        "documents": plan.documents,
        "faults": made.total(),
        **{f"  {kind}": count for kind, count in sorted(made.items())},
        **_under("messages", disturbed.messages),
        **disturbed.rows,
        **_under("recoveries", disturbed.recoveries),
        "seconds of work undisturbed": f"{calm.seconds:.0f}",
        "seconds of work disturbed": f"{disturbed.seconds:.0f}",
        "seconds until quiet, undisturbed": f"{calm.rest_seconds:.1f}",
        "seconds until quiet, disturbed": f"{disturbed.rest_seconds:.1f}",
        **_under("searches", disturbed.searches),
        **_under("requests repeated", disturbed.waits),
        **_under("odd answers", disturbed.odd),
        "seconds in all": f"{seconds:.0f}",
    }
    width = max(map(len, rows))
    body = "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
    return f"\n{body}\n\nSeed {options.seed}: every promise was kept.\n"


def failure(options: Options, error: BrokenPromiseError, folder: Path) -> str:
    """The first broken promise."""
    details = "".join(f"\n  {line}" for line in error.details)
    return f"\nBROKEN {error}{details}\n\nAgain: {options.command}\nData and logs: {folder}\n"


def _under(title: str, counts: Mapping[str, int] | None) -> dict[str, Any]:
    found = counts or {}
    return {title: sum(found.values()), **{f"  {name}": found[name] for name in sorted(found)}}
