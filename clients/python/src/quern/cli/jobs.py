"""``quern jobs``: what runs beside ingestion, and how it is steered."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from quern.cli.exit_codes import ExitCode
from quern.cli.options import AsJson, Timeout, Url, Wait
from quern.cli.output import moment, plain, table, word
from quern.cli.progress import bars, label
from quern.cli.running import Session, UsageError, execute
from quern.client import DEFAULT_URL
from quern.errors import WaitTimeoutError
from quern.models import Job, JobStatus

POLL_SECONDS = 0.5
WAIT_SECONDS = 3600.0

app = typer.Typer(
    name="jobs",
    help="Start, list and steer jobs: crawls, cleanups, summaries, reembeds.",
    no_args_is_help=True,
)
JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="A job's id.", show_default=False)]


@app.command("start")
def start_job(
    *,
    kind: Annotated[
        str,
        typer.Argument(metavar="TYPE", help="crawler, cleanup, summarizer or reembed.", show_default=False),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="A field of the payload; the value as JSON, or as text."
        ),
    ] = None,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Start a job, such as: quern jobs start cleanup --set age_threshold_days=60 --set dry_run=true."""

    async def work(session: Session) -> ExitCode:
        started = await session.client.jobs.start(kind, payload_of(settings or ()))
        return await _follow(session, started.job_id, wait=wait, timeout_seconds=timeout)

    execute(work, url=url, as_json=as_json)


@app.command("list")
def list_jobs(
    *,
    kind: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    status: Annotated[JobStatus | None, typer.Option(help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""

    async def work(session: Session) -> ExitCode:
        page = await session.client.jobs.list(type=kind, status=status, limit=limit)
        session.out.emit(page.model_dump(mode="json"), lambda console: _table(console, page.items))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command("show")
def show_job(*, job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Show a job with its figures."""
    execute(lambda session: _shown(session, job_id), url=url, as_json=as_json)


@app.command("cancel")
def cancel_job(*, job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """End a job."""
    execute(_after(lambda session: session.client.jobs.cancel(job_id), job_id), url=url, as_json=as_json)


@app.command("rerun")
def rerun_job(
    *,
    job_id: JobId,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Start a job of the same type and payload."""

    async def work(session: Session) -> ExitCode:
        started = await session.client.jobs.rerun(job_id)
        return await _follow(session, started.job_id, wait=wait, timeout_seconds=timeout)

    execute(work, url=url, as_json=as_json)


def payload_of(settings: Iterable[str]) -> dict[str, Any]:
    """``["days=3", "name=x"]`` as ``{"days": 3, "name": "x"}``.

    Raises:
        UsageError: a setting has no ``=``.
    """
    payload: dict[str, Any] = {}
    for setting in settings:
        name, found, value = setting.partition("=")
        if not (found and name):
            raise UsageError(f"--set takes FIELD=VALUE, not {setting!r}.")
        try:
            payload[name] = json.loads(value)
        except ValueError:
            payload[name] = value
    return payload


def _after(
    act: Callable[[Session], Awaitable[object]], job_id: UUID
) -> Callable[[Session], Awaitable[ExitCode]]:
    async def work(session: Session) -> ExitCode:
        await act(session)
        return await _shown(session, job_id)

    return work


async def _shown(session: Session, job_id: UUID) -> ExitCode:
    job = await session.client.jobs.get(job_id)
    session.out.emit(job.model_dump(mode="json"), lambda console: _one(console, job))
    return ExitCode.OK


async def _follow(session: Session, job_id: UUID, *, wait: bool, timeout_seconds: float) -> ExitCode:
    job = await session.client.jobs.get(job_id)
    if wait:
        try:
            async with asyncio.timeout(timeout_seconds):
                job = await _ended(session, job)
        except TimeoutError:
            raise WaitTimeoutError(job_id, timeout_seconds, what="Job") from None
    session.out.emit(job.model_dump(mode="json"), lambda console: _one(console, job))
    return ExitCode.FAILED if job.status in {JobStatus.FAILED, JobStatus.CANCELLED} and wait else ExitCode.OK


async def _ended(session: Session, job: Job) -> Job:
    with bars(session.out) as progress:
        bar = progress.add_task(label(job.type), total=None, about="")
        while job.finished_at is None:
            progress.update(bar, completed=job.progress.done, total=job.progress.total or None)
            await asyncio.sleep(POLL_SECONDS)
            job = await session.client.jobs.get(job.id)
        progress.update(bar, completed=job.progress.total or 1, total=job.progress.total or 1)
    return job


def _table(console: Console, jobs: Sequence[Job]) -> None:
    if not jobs:
        console.print(plain("There are no such jobs."))
        return
    rows = [
        (
            word(job.status),
            job.type,
            job.id,
            f"{job.progress.done} of {job.progress.total}",
            moment(job.created_at),
        )
        for job in jobs
    ]
    console.print(table(("STATUS", "TYPE", "ID", "DONE", "CREATED"), rows))


def _one(console: Console, job: Job) -> None:
    _table(console, [job])
    for name, value in job.stats.items():
        console.print(plain(f"{name}: {value}"))
    if job.waiting_for:
        console.print(plain(f"waits for: {job.waiting_for}"))
    if job.error:
        console.print(plain(f"{job.error_code}: {job.error}", "red"))
