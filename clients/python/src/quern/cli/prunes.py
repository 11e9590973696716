"""``quern prune``: pages that a crawl found gone and holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.cli.exit_codes import ExitCode
from quern.cli.output import moment, plain, table
from quern.cli.running import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from rich.console import Console

    from quern.cli.running import Session
    from quern.models import CrawledPage, Page, PruneOfRun, Run


async def prune(
    session: Session, run_id: UUID | None, *, approve: bool, reject: bool, limit: int
) -> ExitCode:
    """List runs that wait for a decision; or show what one holds; or decide.

    Raises:
        UsageError: two decisions, or one about no run.
    """
    if approve and reject:
        raise UsageError("Say either --approve or --reject.")
    if run_id is None:
        if approve or reject:
            raise UsageError("Name the run: `quern prune` lists those that wait.")
        return await _list(session, limit)
    if approve or reject:
        return await _decide(session, run_id, approve=approve)
    return await _show(session, run_id, limit)


async def _list(session: Session, limit: int) -> ExitCode:
    page = await session.client.runs.prunes(state="held", limit=limit)
    session.out.emit(page.model_dump(mode="json"), lambda console: waiting(console, page))
    return ExitCode.OK


async def _decide(session: Session, run_id: UUID, *, approve: bool) -> ExitCode:
    done = await session.client.runs.decide_prune(run_id, approve=approve)
    said = (
        f"{done.retired} of {done.pages} pages are retired; the janitor goes on with the rest."
        if approve and done.retired < done.pages
        else f"{done.retired} pages are retired."
        if approve
        else f"{done.pages} pages are kept. If the next crawl misses them too, it asks again."
    )
    session.out.emit(done.model_dump(mode="json"), lambda console: console.print(plain(said)))
    return ExitCode.OK


async def _show(session: Session, run_id: UUID, limit: int) -> ExitCode:
    run = await session.client.runs.get(run_id)
    pages: Sequence[CrawledPage] = ()
    if run.prune is not None and run.prune.state == "held" and run.source_id is not None:
        pages = (await session.client.sources.pages(run.source_id, status="held", limit=limit)).items
    data = {
        "prune": run.prune.model_dump(mode="json") if run.prune else None,
        "pages": [page.model_dump(mode="json") for page in pages],
    }
    session.out.emit(data, lambda console: _one(console, run, pages))
    return ExitCode.OK


def waiting(console: Console, page: Page[PruneOfRun]) -> None:
    """Runs that wait for a decision, as a table."""
    if not page.items:
        console.print(plain("No pages wait for a decision."))
        return
    rows = [
        (item.run_id, item.source_name, f"{item.pages} of {item.served}", moment(item.noted_at))
        for item in page.items
    ]
    console.print(table(("RUN", "SOURCE", "PAGES THAT SEEM GONE", "SINCE"), rows))
    console.print(
        plain("`quern prune RUN` lists them, with --approve they are retired, with --reject kept.", "dim")
    )


def _one(console: Console, run: Run, pages: Sequence[CrawledPage]) -> None:
    if run.prune is None:
        console.print(plain("This run holds no pages."))
        return
    console.print(
        plain(
            f"{run.prune.pages} of {run.prune.served} pages seemed to be gone: {run.prune.state}, "
            f"{run.prune.retired} retired."
        )
    )
    if pages:
        rows = [(page.url, page.http_status or "-", page.reason or "not reached") for page in pages]
        console.print(table(("URL", "HTTP", "WHY"), rows))
    if len(pages) < run.prune.pages and run.prune.state == "held":
        console.print(plain(f"{len(pages)} of {run.prune.pages}: --limit shows more.", "dim"))
