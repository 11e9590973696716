"""When each task takes its turn: one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from shared.errors import DependencyUnavailableError
from shared.observability.metrics import record_task
from shared.periodic import Periodic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from janitor.config import JanitorSettings
    from janitor.ports import Task, Turns

_log = structlog.get_logger(__name__)

_PATIENCE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How often a task runs.

    Attributes:
        period_seconds: between two turns.
        max_backoff_seconds: between two turns that failed, at most: how late an outage's end may be noticed.
        shared: only one of several janitors does it.
    """

    period_seconds: float
    max_backoff_seconds: float = _PATIENCE_SECONDS
    shared: bool = True


def times(settings: JanitorSettings) -> dict[str, Times]:
    """The table, by the tasks' names."""
    upkeep = Times(period_seconds=settings.upkeep_period_seconds)
    audit = Times(period_seconds=settings.audit_period_seconds)
    delete = Times(period_seconds=settings.delete_period_seconds)
    return {
        # The dispatcher has a turn of its own, and looking for work writes nothing.
        "announce_waiting": Times(
            period_seconds=settings.announce_period_seconds, max_backoff_seconds=5.0, shared=False
        ),
        "announce_again": Times(period_seconds=min(15.0, settings.announce_again_seconds / 2)),
        "reclaim_lost": Times(period_seconds=settings.reclaim_period_seconds, max_backoff_seconds=5.0),
        "delete_sources": delete,
        "delete_objects": delete,
        "expire_batches": upkeep,
        "discard_superseded": upkeep,
        "purge_tombstones": upkeep,
        "retry_dead_jobs": upkeep,
        "prune_pages": delete,
        "close_runs": upkeep,
        "trim_versions": upkeep,
        "drop_abandoned": upkeep,
        "fold_ledger": upkeep,
        "check_ledger": Times(period_seconds=settings.figures_period_seconds, shared=False),
        "audit_index": audit,
        "verify_changed": audit,
        "verify_recent": audit,
        "rebuild_index": delete,
        "provide_places": upkeep,
        "remove_strays": upkeep,
        "sweep_blobs": Times(period_seconds=settings.sweep_period_seconds, max_backoff_seconds=300.0),
        "forget_old": Times(period_seconds=settings.sweep_period_seconds, max_backoff_seconds=300.0),
    }


class InTurn:
    """A task that several janitors share: whoever has the turn does it."""

    def __init__(
        self, *, name: str, task: Task, turns: Turns, turn_seconds: float, period_seconds: float
    ) -> None:
        self._name = name
        self._task = task
        self._turns = turns
        self._turn_seconds = turn_seconds
        # Less than a period, because periods vary by 10 %.
        self._pause_seconds = period_seconds / 2

    async def run_once(self) -> Mapping[str, int]:
        """Do it, unless another janitor is at it or has just done it."""
        taken = await self._turns.take(
            self._name, seconds=self._turn_seconds, not_within_seconds=self._pause_seconds
        )
        if not taken:
            return {}
        try:
            changes = await self._task.run_once()
        except Exception:
            await self._leave()
            raise
        await self._turns.end(self._name, changes)
        return changes

    async def _leave(self) -> None:
        """Another janitor may be able to do what this one cannot."""
        try:
            await self._turns.leave(self._name)
        except DependencyUnavailableError as error:
            _log.debug("turn_not_left", turn=self._name, dependency=error.dependency)  # it ends by itself


def periodics(tasks: Mapping[str, Task], settings: JanitorSettings, turns: Turns) -> list[Periodic]:
    """Every task with its times.

    Raises:
        ValueError: a task without times, or times without a task.
    """
    table = times(settings)
    if tasks.keys() != table.keys():
        raise ValueError(f"tasks and times differ: {sorted(tasks.keys() ^ table.keys())}")
    return [_periodic(name, tasks[name], entry, settings, turns) for name, entry in table.items()]


def _periodic(name: str, task: Task, entry: Times, settings: JanitorSettings, turns: Turns) -> Periodic:
    if entry.shared:
        task = InTurn(
            name=name,
            task=task,
            turns=turns,
            turn_seconds=settings.janitor_turn_seconds,
            period_seconds=entry.period_seconds,
        )
    return Periodic(
        name=name,
        run_once=task.run_once,
        period_seconds=entry.period_seconds,
        timeout_seconds=settings.janitor_turn_seconds,
        max_backoff_seconds=entry.max_backoff_seconds,
        record=record_task,
    )
