"""``quern failed`` and ``quern retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.cli.exit_codes import ExitCode
from quern.cli.names import addresses
from quern.cli.output import moment, plain, table
from quern.cli.running import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from rich.console import Console

    from quern.cli.running import Session
    from quern.models import FailedJob, HandlerName, Page


async def show_failed(
    session: Session, *, handler: HandlerName | None, error_code: str | None, limit: int
) -> ExitCode:
    """List what failed, newest first."""
    page = await session.client.jobs.failed(handler=handler, error_code=error_code, limit=limit)
    names = await addresses(session.client, (job.source_id for job in page.items))
    session.out.emit(page.model_dump(mode="json"), lambda console: _show(console, page, names))
    return ExitCode.OK


async def show_dead(session: Session, *, topic: str | None, limit: int) -> ExitCode:
    """List messages that no service could understand, newest first."""
    page = await session.client.system.dead_messages(topic=topic, limit=limit)

    def show(console: Console) -> None:
        if not page.items:
            console.print(plain("Every message was understood."))
            return
        rows = [(m.id, m.topic, moment(m.created_at), m.size_bytes, m.reason, m.preview) for m in page.items]
        console.print(table(("ID", "TOPIC", "WHEN", "BYTES", "WHY", "BEGINS WITH"), rows))
        if page.total > len(page.items):
            console.print(plain(f"{len(page.items)} of {page.total}: --limit shows more.", "dim"))

    session.out.emit(page.model_dump(mode="json"), show)
    return ExitCode.OK


async def retry(
    session: Session, *, ids: Sequence[UUID], error_code: str | None, everything: bool
) -> ExitCode:
    """Queue failed jobs again: these, or those of an error code, or all.

    Raises:
        UsageError: not exactly one of the three was given.
    """
    if sum((bool(ids), error_code is not None, everything)) != 1:
        raise UsageError("Say what to retry: ids, or --code CODE, or --all.")
    if len(ids) == 1:
        await session.client.jobs.retry(ids[0])  # alone it is told why not, where it cannot be
        retried = 1
    else:
        retried = await _retry_many(session, ids=list(ids) or None, error_code=error_code)
    said = (
        "Nothing was to be tried again."
        if not retried
        else f"{retried} queued again: `quern status` shows them."
    )
    session.out.emit({"retried": retried}, lambda console: console.print(plain(said)))
    return ExitCode.OK


async def _retry_many(session: Session, *, ids: Sequence[UUID] | None, error_code: str | None) -> int:
    """Ask until as many are queued as there were at first: some may have failed anew by then."""
    done = await session.client.jobs.retry_many(ids=ids, error_code=error_code)
    retried, meant = done.retried, done.retried + done.remaining
    while done.retried and done.remaining and retried < meant:
        done = await session.client.jobs.retry_many(ids=ids, error_code=error_code)
        retried += done.retried
    return retried


def _show(console: Console, page: Page[FailedJob], names: Mapping[UUID, str]) -> None:
    if not page.items:
        console.print(plain("Nothing has failed."))
        return
    rows = [
        (
            job.id,
            job.error_code,
            _what(job, names),
            job.error,
            moment(job.next_retry_at) if job.next_retry_at else "-",
        )
        for job in page.items
    ]
    console.print(table(("ID", "CODE", "OF", "ERROR", "NEXT TRY"), rows))
    if page.total > len(page.items):
        console.print(plain(f"{len(page.items)} of {page.total}: --limit shows more.", "dim"))
    console.print(plain("`quern retry ID` tries one again, `quern retry --all` all of them.", "dim"))


def _what(job: FailedJob, names: Mapping[UUID, str]) -> str:
    url = job.payload.get("url")
    return url if isinstance(url, str) else names.get(job.source_id, str(job.source_id))
