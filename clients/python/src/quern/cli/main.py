"""The commands and their options; what each does is in the module of its name."""

import os
import sys
from typing import Annotated
from uuid import UUID

import typer

from quern import __version__
from quern.cli import add as adding
from quern.cli import doctor as examining
from quern.cli import failures, prunes, rebuild, sources
from quern.cli import search as searching
from quern.cli import status as looking
from quern.cli.exit_codes import HELP, ExitCode
from quern.cli.names import find_source
from quern.cli.options import AsJson, Timeout, Url, Wait
from quern.cli.running import Session, execute
from quern.cli.targets import find_targets
from quern.client import DEFAULT_URL
from quern.models import CrawlOptions, HandlerName, SearchMode, SourceType

WAIT_SECONDS = 3600.0

app = typer.Typer(
    name="quern",
    help="Keep documents searchable: add sites and files, search them, see that nothing is lost.",
    epilog=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:  # noqa: FBT001  (how typer calls it)
    if asked:
        sys.stdout.write(f"quern {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def add(
    *,
    targets: Annotated[list[str], typer.Argument(metavar="URL|FILE|DIR…", show_default=False)],
    group: Annotated[str | None, typer.Option(help="Group, by name or id; a new name makes one.")] = None,
    title: Annotated[str | None, typer.Option(help="What to call it; for one target.")] = None,
    max_depth: Annotated[
        int | None, typer.Option(min=0, help="Links to follow from the first page; 2 if never said.")
    ] = None,
    max_pages: Annotated[
        int | None, typer.Option(min=1, help="Pages to fetch at most; 1000 if never said.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(help="Regular expression that URLs must match (one of them)."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Regular expression that URLs must not match."),
    ] = None,
    delay_ms: Annotated[int | None, typer.Option(min=0, help="Milliseconds between two requests.")] = None,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Crawl sites and upload files, and wait until they can be found.

    A site that is known is crawled again, with what is said about it here. The files of a folder are called by
    their path below it (guide/index.md becomes guide-index.md); hidden files and kinds that cannot be read are
    left out. A file with the name of one that is there already, in the same group, is a new version of it.
    """
    options = {
        "max_depth": max_depth,
        "max_pages": max_pages,
        "include": include,
        "exclude": exclude,
        "delay_ms": delay_ms,
    }
    wishes = adding.Wishes(
        group=group,
        title=title,
        crawl=CrawlOptions.model_validate(
            {name: value for name, value in options.items() if value is not None}
        ),
        wait=wait,
        timeout_seconds=timeout,
    )

    async def work(session: Session) -> ExitCode:
        return await adding.add(session, find_targets(targets), wishes)

    execute(work, url=url, as_json=as_json)


@app.command()
def status(
    *,
    run: Annotated[
        UUID | None, typer.Argument(metavar="[RUN]", help="A run's id.", show_default=False)
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show figures, the ledger, components and recent runs; or one run."""

    async def work(session: Session) -> ExitCode:
        if run is None:
            return await looking.show_all(session)
        return await looking.show_run(session, run, wait=wait, timeout_seconds=timeout)

    execute(work, url=url, as_json=as_json)


@app.command()
def search(
    *,
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    mode: Annotated[SearchMode, typer.Option(help="By words, by meaning, or both.")] = "hybrid",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Hits at most.")] = 10,
    alpha: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of hybrid: 0 words alone, 1 meaning alone.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Source: id, URL or file name.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Group: id or name.")] = None,
    document: Annotated[list[UUID] | None, typer.Option(help="Document: id.")] = None,
    kind: Annotated[SourceType | None, typer.Option("--type", help="Kind of source.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Language, ISO 639-1, such as en.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Find passages, with where they come from."""
    question = searching.Question(
        query=query,
        mode=mode,
        limit=limit,
        alpha=alpha,
        sources=source or (),
        groups=group or (),
        documents=document or (),
        types=(kind,) if kind else (),
        languages=language or (),
    )

    async def work(session: Session) -> ExitCode:
        return await searching.search(session, question)

    execute(work, url=url, as_json=as_json)


@app.command()
def failed(
    *,
    handler: Annotated[HandlerName | None, typer.Option(help="Only pages (web) or files (file).")] = None,
    code: Annotated[str | None, typer.Option(help="Only this error code.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List what failed, with reasons."""

    async def work(session: Session) -> ExitCode:
        return await failures.show_failed(session, handler=handler, error_code=code, limit=limit)

    execute(work, url=url, as_json=as_json)


@app.command()
def retry(
    *,
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="[ID…]", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that failed.")] = False,
    code: Annotated[str | None, typer.Option(help="Everything that failed with this error code.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Try failed jobs again."""

    async def work(session: Session) -> ExitCode:
        return await failures.retry(session, ids=ids or (), error_code=code, everything=everything)

    execute(work, url=url, as_json=as_json)


@app.command()
def dead(
    *,
    topic: Annotated[str | None, typer.Option(help="Only this topic, such as ingest.result.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List messages that no service could understand."""

    async def work(session: Session) -> ExitCode:
        return await failures.show_dead(session, topic=topic, limit=limit)

    execute(work, url=url, as_json=as_json)


@app.command()
def prune(
    *,
    run: Annotated[
        UUID | None, typer.Argument(metavar="[RUN]", help="A run's id.", show_default=False)
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="They are gone: retire them.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="They are not gone: keep them.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many are listed at most.")] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Decide about pages that a crawl found gone, where they were most of a site.

    Without a run, list those that wait; without a decision, list the run's pages. Until then they are served.
    """

    async def work(session: Session) -> ExitCode:
        return await prunes.prune(session, run, approve=approve, reject=reject, limit=limit)

    execute(work, url=url, as_json=as_json)


@app.command()
def sync(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE…]", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sources.")] = False,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Take sources in again: crawl sites, do the last upload of files once more.

    Only what has changed is embedded and indexed again; an upload whose content is served already ends as
    skipped. Sources are named by id, URL, file name or name.
    """

    async def work(session: Session) -> ExitCode:
        return await sources.sync(
            session, names or (), everything=everything, wait=wait, timeout_seconds=timeout
        )

    execute(work, url=url, as_json=as_json)


@app.command()
def reindex(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE…]", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sources.")] = False,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Rebuild the search index from what is stored: no site is asked, no file is parsed.

    Searches go on meanwhile: each part of the old index serves until its successor is verified. Sources are named by
    id, URL, file name or name.
    """

    async def work(session: Session) -> ExitCode:
        return await rebuild.reindex(
            session, names or (), everything=everything, wait=wait, timeout_seconds=timeout
        )

    execute(work, url=url, as_json=as_json)


@app.command()
def delete(
    *,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Its id, URL, file name or name.")],
    force: Annotated[bool, typer.Option("--force", help="Cancel its active runs first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all of it is removed.")] = False,
    timeout: Timeout = WAIT_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Delete a source: hidden from search at once, then removed for good.

    In a terminal it asks first.
    """

    async def work(session: Session) -> ExitCode:
        found = await find_source(session.client, source)
        if not yes and not as_json and os.isatty(0) and sys.stdout.isatty():
            documents = f"{found.documents} document{'' if found.documents == 1 else 's'}"
            typer.confirm(f"Delete {found.address} with {documents}?", abort=True)
        return await sources.delete(session, found, force=force, wait=wait, timeout_seconds=timeout)

    execute(work, url=url, as_json=as_json)


@app.command()
def doctor(*, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Check everything that can be seen from outside, and say what to do."""
    execute(examining.examine, url=url, as_json=as_json)
