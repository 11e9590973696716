"""``quern add``: crawl sites and upload files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from quern.cli.exit_codes import ExitCode
from quern.cli.names import find_or_make_group
from quern.cli.output import plain, table, word
from quern.cli.progress import about, bars, wait_for_runs
from quern.cli.running import UsageError
from quern.cli.together import together
from quern.errors import ProblemError, UploadFileError
from quern.models import CrawlOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from quern.cli.running import Session
    from quern.cli.targets import File, Site, Targets
    from quern.models import Run

UPLOADS_AT_ONCE = 3
LISTED = 20
"""Longer lists show only what did not end well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was said about all targets."""

    group: str | None
    title: str | None
    crawl: CrawlOptions
    wait: bool
    timeout_seconds: float

    @property
    def has_crawl(self) -> bool:
        """Whether anything was said about crawling."""
        return bool(self.crawl.model_fields_set and self.crawl != CrawlOptions())


class Added(BaseModel):
    """What became of one target.

    Attributes:
        known: it was there already, and is crawled again.
        status: of its run, or ``refused``.
        detail: how far it is, or why not.
    """

    target: str
    kind: str
    known: bool = False
    source_id: UUID | None = None
    run_id: UUID | None = None
    status: str
    reason: str | None = None
    error_code: str | None = None
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it went, or still goes, as wished."""
        return self.status not in {"failed", "cancelled", "refused"}

    def ended(self, run: Run) -> Added:
        """The same when its run has ended."""
        detail = run.error or (about(run) if self.kind == "site" else "")
        return self.model_copy(
            update={
                "status": str(run.status),
                "reason": run.reason,
                "error_code": run.error_code,
                "detail": detail,
            }
        )


def check(targets: Targets, wishes: Wishes) -> None:
    """Refuse what would be ignored.

    Raises:
        UsageError: an option does not go with the targets.
    """
    count = len(targets.sites) + len(targets.files)
    if not count:
        raise UsageError("The folder holds no file that can be read.")
    if wishes.title is not None and count > 1:
        raise UsageError(f"--title names one thing, but there are {count}.")
    if wishes.has_crawl and not targets.sites:
        raise UsageError("The options about crawling go with addresses only, and there is none.")


async def add(session: Session, targets: Targets, wishes: Wishes) -> ExitCode:
    """Hand everything in, wait if asked to, say what became of it."""
    check(targets, wishes)
    if targets.left_out:
        session.out.note(f"{targets.left_out} files are of kinds that cannot be read and are left out.")
    group_id = None
    if wishes.group is not None:
        group_id, made = await find_or_make_group(session.client, wishes.group)
        if made:
            session.out.note(f"The group {wishes.group} is new.")
    adding = _Adding(session, wishes, group_id)
    added = [await adding.site(site) for site in targets.sites] + await adding.files(targets.files)
    if wishes.wait:
        added = await _waited(session, added, wishes.timeout_seconds)
    session.out.emit(
        {"items": [item.model_dump(mode="json") for item in added]}, lambda console: _show(console, added)
    )
    return ExitCode.OK if all(item.is_good for item in added) else ExitCode.FAILED


async def _waited(session: Session, added: Sequence[Added], timeout_seconds: float) -> list[Added]:
    open_runs = {item.run_id: item.target for item in added if item.run_id and item.status == "queued"}
    ended = await wait_for_runs(session, open_runs, timeout_seconds=timeout_seconds)
    return [item.ended(ended[item.run_id]) if item.run_id in ended else item for item in added]


class _Adding:
    def __init__(self, session: Session, wishes: Wishes, group_id: UUID | None) -> None:
        self._client = session.client
        self._out = session.out
        self._wishes = wishes
        self._group_id = group_id

    async def site(self, site: Site) -> Added:
        try:
            added = await self._client.sources.add(
                site.url,
                name=self._wishes.title,
                group_id=self._group_id,
                crawl=self._wishes.crawl if self._wishes.has_crawl else None,
            )
        except ProblemError as error:
            if error.code == "source_exists" and "source_id" in error.members:
                return await self._again(site, UUID(str(error.members["source_id"])))
            return _refused(site.url, "site", error)
        return Added(
            target=site.url,
            kind="site",
            source_id=added.source.id,
            run_id=added.run.id,
            status=str(added.run.status),
        )

    async def _again(self, site: Site, source_id: UUID) -> Added:
        """A site that is known is given what was said about it, and crawled again."""
        wishes = self._wishes
        try:
            if wishes.title is not None or self._group_id is not None or wishes.has_crawl:
                crawl = wishes.crawl if wishes.has_crawl else None
                await self._client.sources.update(
                    source_id, name=wishes.title, group_id=self._group_id, crawl=crawl
                )
            run_id = (await self._client.sources.sync(source_id)).run_id
        except ProblemError as error:
            return _refused(site.url, "site", error)
        return Added(
            target=site.url, kind="site", known=True, source_id=source_id, run_id=run_id, status="queued"
        )

    async def files(self, files: Sequence[File]) -> list[Added]:
        if not files:
            return []
        places = asyncio.Semaphore(UPLOADS_AT_ONCE)
        with bars(self._out) as progress:
            total = sum(file.path.stat().st_size for file in files)
            bar = progress.add_task("upload", total=total, about=f"{len(files)} files")
            return await together(self._file(file, places, progress, bar) for file in files)

    async def _file(self, file: File, places: asyncio.Semaphore, progress: Progress, bar: TaskID) -> Added:
        told = 0

        def sent(now: int, _size: int) -> None:
            nonlocal told
            progress.advance(bar, now - told)
            told = now

        target = str(file.path)
        async with places:
            try:
                accepted = await self._client.upload(
                    file.path,
                    file_name=file.name,
                    group_id=self._group_id,
                    title=self._wishes.title,
                    on_sent=sent,
                )
            except (ProblemError, UploadFileError) as error:
                return _refused(target, "file", error)
        return Added(
            target=target,
            kind="file",
            source_id=accepted.source_id,
            run_id=accepted.run_id,
            status=accepted.status,
            reason=accepted.reason,
        )


def _refused(target: str, kind: str, error: ProblemError | UploadFileError) -> Added:
    code = error.code if isinstance(error, ProblemError) else None
    return Added(target=target, kind=kind, status="refused", error_code=code, detail=str(error))


def _show(console: Console, added: Sequence[Added]) -> None:
    listed = added if len(added) <= LISTED else [item for item in added if not item.is_good]
    rows = [(word(item.status), item.target, item.run_id or "-", _remark(item)) for item in listed]
    if rows:
        console.print(table(("STATUS", "WHAT", "RUN", ""), rows))
    counts = ", ".join(
        f"{sum(item.status == status for item in added)} {status}"
        for status in dict.fromkeys(item.status for item in added)
    )
    console.print(plain(f"{len(added)} added: {counts}."))
    if any(item.status == "failed" for item in added):
        console.print(plain("`quern failed` shows what failed, `quern retry ID` tries it again."))


def _remark(item: Added) -> str:
    words = [item.detail]
    if item.reason:
        words.append(item.reason)
    if item.error_code:
        words.append(f"({item.error_code})")
    if item.known:
        words.append("was known, crawled again")
    return " ".join(filter(None, words))
