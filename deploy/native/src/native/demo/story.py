"""What the demo does, step by step, as any client could."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from native.demo.site import FLAKY, DocumentationSite
from native.errors import NativeError
from quern.errors import ProblemError
from quern.models.documents import SearchFilters
from quern.models.sources import CrawlOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from uuid import UUID

    from rich.console import Console

    from quern.client import Client
    from quern.models.jobs import Run

T = TypeVar("T")

RUN_SECONDS: Final = 600.0
GONE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.25


class Story:
    """The main job on one stack."""

    def __init__(self, *, client: Client, console: Console) -> None:
        self._client = client
        self._console = console

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    async def crawl(self, url: str) -> UUID:
        """Crawl a site, or crawl it again where it is known; returns its source."""
        self.heading(f"Crawling {url}")
        try:
            # One's own site needs no politeness; anybody else's has the setting's pace.
            own = CrawlOptions(max_depth=3, delay_ms=0 if url.startswith("http://127.") else None)
            added = await self._client.sources.add(url, crawl=own)
            source_id, run_id = added.source.id, added.run.id
        except ProblemError as problem:
            if problem.code != "source_exists":
                raise
            found = await self._client.sources.list(type="web", q=url.rstrip("/"))
            source_id = next(source.id for source in found.items if source.url == url)
            self._console.print("The source is known: only what changed is embedded again.")
            run_id = (await self._client.sources.sync(source_id)).run_id
        await self._wait([(url, run_id)])
        return source_id

    async def upload(self, files: Sequence[Path]) -> None:
        """Upload files and wait for all of them."""
        self.heading("Uploading " + ", ".join(path.name for path in files))
        waiting = []
        for path in files:
            accepted = await self._client.upload(path)
            if accepted.status == "skipped":
                self._console.print(f"{path.name} is there already ({accepted.reason}).")
            else:
                waiting.append((path.name, accepted.run_id))
        if waiting:
            await self._wait(waiting)

    async def ledger(self) -> None:
        """Show that nothing is lost."""
        self.heading("The ledger")
        ledger = await self._client.system.ledger()
        table = Table("accepted", "succeeded", "failed", "cancelled", "skipped", "in flight", "balanced")
        numbers = (ledger.accepted, ledger.succeeded, ledger.failed, ledger.cancelled, ledger.skipped)
        table.add_row(*map(str, numbers), str(ledger.in_flight), "yes" if ledger.balanced else "NO")
        self._console.print(table)

    async def search(self, query: str, *, source_id: UUID | None = None) -> int:
        """Search (in one source) and show the hits with where they are from; returns how many there are."""
        filters = SearchFilters(source_ids=[source_id]) if source_id else None
        answer = await self._client.search(query, limit=3, filters=filters)
        self._console.print(f"\n[cyan]? {escape(query)}[/cyan]  ({answer.took_ms:.0f} ms)")
        for hit in answer.items:
            where = " > ".join(hit.heading_path) or hit.title
            text = " ".join(hit.text.split())
            line = f"  {hit.score:.2f}  [green]{escape(where)}[/green]  {escape(text)}"
            self._console.print(line, no_wrap=True, overflow="ellipsis")
            self._console.print(f"        {escape(hit.url or hit.title)}", style="dim")
        if not answer.items:
            self._console.print("  no evidence")
        return len(answer.items)

    async def failure_and_retry(self, site: DocumentationSite) -> UUID:
        """A page that is forbidden lands in failed_jobs; once it is open, a retry fetches it."""
        self.heading("A failure, and its retry")
        site.forbidden = True
        added = await self._client.sources.add(site.url + FLAKY, crawl=CrawlOptions(max_depth=0, delay_ms=0))
        run = await self._client.runs.wait(added.run.id, timeout_seconds=RUN_SECONDS)
        self._console.print(f"The run {run.status}: {run.error_code}: {run.error}")
        failed = await self._client.jobs.failed(limit=50)
        job = next(job for job in failed.items if job.source_id == added.source.id)
        self._console.print(f"failed_jobs has {job.id} ({job.error_code}, payload {job.payload['url']}).")
        site.forbidden = False
        self._console.print("The page is opened, and the job retried:")
        await self._client.jobs.retry(job.id)
        await self._wait([(FLAKY, added.run.id)])
        return added.source.id

    async def delete(self, source_id: UUID, query: str) -> None:
        """Delete a source: gone from search at once, removed from everywhere soon."""
        self.heading("Deleting that source")
        await self.search(query, source_id=source_id)
        await self._client.sources.delete(source_id, force=True)
        started = time.monotonic()
        if await self.search(query, source_id=source_id):
            raise NativeError("A deleted source was found: this must never happen.")

        async def is_gone() -> bool:
            try:
                await self._client.sources.get(source_id)
            except ProblemError as problem:
                return problem.status == 404  # noqa: PLR2004  (HTTP's own number)
            return False

        await _until(is_gone, GONE_SECONDS, "The source is still being deleted: look at the janitor's log.")
        self._console.print(f"Removed from Weaviate and Postgres after {time.monotonic() - started:.1f} s.")

    async def _wait(self, runs: Sequence[tuple[str, UUID]]) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            ended = await asyncio.gather(*(self._follow(progress, name, run_id) for name, run_id in runs))
        for (name, _), run in zip(runs, ended, strict=True):
            if run.status not in {"succeeded", "skipped"}:
                raise NativeError(f"{name} {run.status}: {run.error_code}: {run.error}")

    async def _follow(self, progress: Progress, name: str, run_id: UUID) -> Run:
        task = progress.add_task(name, total=1)

        async def has_ended() -> Run | None:
            run = await self._client.runs.get(run_id)
            counts = run.progress
            done = counts.succeeded + counts.failed + counts.skipped + counts.cancelled
            progress.update(task, total=max(counts.total, 1), completed=done)
            return run if run.finished_at else None

        return await _until(has_ended, RUN_SECONDS, f"{name} took too long: look at `make logs`.")


async def _until(ask: Callable[[], Awaitable[T | None]], seconds: float, sentence: str) -> T:
    """Ask until the answer is neither None nor False."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = await ask()
        if answer:
            return answer
        await asyncio.sleep(_POLL_SECONDS)
    raise NativeError(sentence)
