"""``quern sync`` and ``quern delete``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from quern.cli.exit_codes import ExitCode
from quern.cli.names import NOT_FOUND, find_source
from quern.cli.output import plain, table, word
from quern.cli.progress import wait_for_runs
from quern.cli.running import UsageError
from quern.errors import ProblemError, WaitTimeoutError
from quern.models import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from quern.cli.running import Session
    from quern.models import Run, Source

POLL_SECONDS = 0.25
RUNS_SEEN = 100
"""How many of a source's latest runs are looked at."""


class Synced(BaseModel):
    """What became of one source; ``refused`` where there is no run."""

    source_id: UUID
    source: str
    run_id: UUID | None = None
    status: str
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it went, or still goes, as wished."""
        return self.status not in {"failed", "cancelled", "refused"}


async def sync(
    session: Session, names: Sequence[str], *, everything: bool, wait: bool, timeout_seconds: float
) -> ExitCode:
    """Crawl sites again and do the last upload of files again.

    Raises:
        UsageError: neither sources nor all were named, or both.
    """
    if bool(names) == everything:
        raise UsageError("Name the sources, or say --all.")
    if everything:
        sources = [source async for source in session.client.sources.walk()]
    else:
        sources = [await find_source(session.client, name) for name in names]
    done = [await _one(session, source) for source in sources]
    if wait:
        open_runs = {item.run_id: item.source for item in done if item.run_id}
        ended = await wait_for_runs(session, open_runs, timeout_seconds=timeout_seconds)
        done = [
            item.model_copy(update={"status": str(run.status), "detail": run.error or run.reason or ""})
            if item.run_id and (run := ended.get(item.run_id))
            else item
            for item in done
        ]
    session.out.emit({"items": [item.model_dump(mode="json") for item in done]}, lambda c: _show(c, done))
    return ExitCode.OK if all(item.is_good for item in done) else ExitCode.FAILED


async def _one(session: Session, source: Source) -> Synced:
    made = Synced(source_id=source.id, source=source.address, status="refused")
    try:
        if source.type == "web":
            run_id = (await session.client.sources.sync(source.id)).run_id
        else:
            last = _repeatable((await session.client.runs.list(source_id=source.id, limit=RUNS_SEEN)).items)
            if last is None:
                return made.model_copy(update={"detail": "It has no run that could be done again."})
            run_id = (await session.client.jobs.rerun(last.id)).job_id
    except ProblemError as error:
        return made.model_copy(update={"detail": str(error)})
    return made.model_copy(update={"run_id": run_id, "status": "queued"})


def _repeatable(runs: Sequence[Run]) -> Run | None:
    """The newest upload whose original is kept: that of a skipped one is not, it was there already."""
    for status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        for run in runs:
            if run.type == "upload" and run.status is status:
                return run
    return None


def _show(console: Console, done: Sequence[Synced]) -> None:
    if not done:
        console.print(plain("There are no sources."))
        return
    rows = [(word(item.status), item.source, item.run_id or "-", item.detail) for item in done]
    console.print(table(("STATUS", "OF", "RUN", ""), rows))


async def delete(
    session: Session, source: Source, *, force: bool, wait: bool, timeout_seconds: float
) -> ExitCode:
    """Delete a source: hidden from search at once, removed by the janitor after.

    Raises:
        ProblemError: a run of it is active, and ``force`` was not given.
        WaitTimeoutError: it is not removed after ``timeout_seconds``.
    """
    await session.client.sources.delete(source.id, force=force)
    if wait:
        try:
            async with asyncio.timeout(timeout_seconds):
                await _gone(session, source.id)
        except TimeoutError:
            raise WaitTimeoutError(source.id, timeout_seconds, what="The removal of source") from None
    status = "deleted" if wait else "deleting"
    said = (
        f"{source.address} is gone." if wait else f"{source.address} is hidden from search and being removed."
    )
    session.out.emit({"id": str(source.id), "status": status}, lambda console: console.print(plain(said)))
    return ExitCode.OK


async def _gone(session: Session, source_id: UUID) -> None:
    while True:
        try:
            await session.client.sources.get(source_id)
        except ProblemError as error:
            if error.status == NOT_FOUND:
                return
            raise
        await asyncio.sleep(POLL_SECONDS)
