"""Waiting for runs, with bars."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from quern.cli.output import printable
from quern.cli.together import together
from quern.models.jobs import Run, RunProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from quern.cli.output import Output
    from quern.cli.running import Session
    from quern.following import RunEvent

AT_ONCE = 8
"""Runs that are followed at the same time; each holds a connection of the gateway."""
OWN_BARS = 10
"""Up to so many runs have a bar each; more share one."""
LONGEST_LABEL = 48


@contextmanager
def bars(out: Output) -> Iterator[Progress]:
    """Bars on stderr; none where programs read."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[about]}", markup=False, style="dim"),
        TimeElapsedColumn(),
        console=out.err,
        disable=out.as_json,
    ) as made:
        yield made


def label(text: str) -> str:
    """A name short enough for a bar."""
    text = printable(text)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


async def wait_for_runs(
    session: Session, runs: Mapping[UUID, str], *, timeout_seconds: float
) -> dict[UUID, Run]:
    """Wait until all runs have ended; ``runs`` maps ids to what people call them.

    Raises:
        WaitTimeoutError: one has not ended after ``timeout_seconds``.
    """
    if not runs:
        return {}
    with bars(session.out) as progress:
        shared = len(runs) > OWN_BARS
        waiting = _Waiting(session, progress, len(runs) if shared else None, timeout_seconds)
        ended = await together(waiting.wait(run_id, name) for run_id, name in runs.items())
    return {run.id: run for run in ended}


class _Waiting:
    def __init__(
        self, session: Session, progress: Progress, shared_total: int | None, timeout_seconds: float
    ) -> None:
        self._session = session
        self._progress = progress
        self._timeout_seconds = timeout_seconds
        self._places = asyncio.Semaphore(AT_ONCE)
        self._shared = None
        if shared_total is not None:
            self._shared = progress.add_task(f"{shared_total} documents", total=shared_total, about="")

    async def wait(self, run_id: UUID, name: str) -> Run:
        bar = None
        if self._shared is None:
            bar = self._progress.add_task(label(name), total=None, about="queued")

        def show(event: RunEvent) -> None:
            if bar is not None and isinstance(event, (Run, RunProgress)):
                # Of a page only the end is known; a crawl counts its pages.
                total = event.progress.total
                done = event.progress.done
                self._progress.update(bar, total=total or None, completed=done, about=about(event))

        async with self._places:
            run = await self._session.client.runs.wait(
                run_id, timeout_seconds=self._timeout_seconds, on_event=show
            )
        if self._shared is not None:
            self._progress.advance(self._shared)
        return run


def about(run: Run | RunProgress) -> str:
    """What a run does, in a few words."""
    counts = run.progress
    words = [str(run.status)]
    if counts.total > 1:
        words.append(f"{counts.done}/{counts.total}")
    if counts.failed and counts.total > 1:
        words.append(f"{counts.failed} failed")
    if run.waiting_for:
        words.append("waiting for " + run.waiting_for.replace("_", " "))
    return ", ".join(words)
