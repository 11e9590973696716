"""``quern status``: the whole installation, or one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.cli.exit_codes import ExitCode
from quern.cli.names import addresses
from quern.cli.output import moment, plain, table, word
from quern.cli.progress import about, wait_for_runs
from quern.cli.prunes import waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from rich.console import Console

    from quern.cli.running import Session
    from quern.models import Ledger, Run, Stats, System

RECENT = 10


async def show_all(session: Session) -> ExitCode:
    """Figures, ledger, components, recent runs."""
    client = session.client
    stats, ledger, system = (
        await client.system.stats(),
        await client.system.ledger(),
        await client.system.get(),
    )
    runs = (await client.runs.list(limit=RECENT)).items
    held = await client.runs.prunes(state="held", limit=RECENT)
    names = await addresses(client, (run.source_id for run in runs))
    data = {
        "stats": stats.model_dump(mode="json"),
        "ledger": ledger.model_dump(mode="json"),
        "system": system.model_dump(mode="json"),
        "held": [item.model_dump(mode="json") for item in held.items],
        "runs": [run.model_dump(mode="json") for run in runs],
    }

    def show(console: Console) -> None:
        _figures(console, stats, ledger)
        _components(console, system)
        if held.items:
            console.print()
            waiting(console, held)
        _recent(console, runs, names)

    session.out.emit(data, show)
    return ExitCode.OK


async def show_run(session: Session, run_id: UUID, *, wait: bool, timeout_seconds: float) -> ExitCode:
    """One run, now or when it has ended."""
    run = await session.client.runs.get(run_id)
    names = await addresses(session.client, [run.source_id])
    name = names.get(run.source_id, run.type) if run.source_id else run.type
    if wait and not run.status.is_terminal:
        run = (await wait_for_runs(session, {run_id: name}, timeout_seconds=timeout_seconds))[run_id]
    session.out.emit(run.model_dump(mode="json"), lambda console: _one(console, run, name))
    return ExitCode.FAILED if run.status.is_terminal and not run.status.is_good else ExitCode.OK


def _figures(console: Console, stats: Stats, ledger: Ledger) -> None:
    console.print(
        plain(f"{stats.sources} sources, {stats.documents} documents, {stats.failed_jobs} failed jobs")
    )
    parts = ("succeeded", "failed", "cancelled", "skipped", "in_flight")
    total = " + ".join(f"{getattr(ledger, part)} {part.replace('_', ' ')}" for part in parts)
    console.print(plain(f"Ledger: {ledger.accepted} accepted = {total}"), end=": ")
    console.print(word("ok") + " balanced" if ledger.balanced else plain("NOT BALANCED", "bold red"))


def _components(console: Console, system: System) -> None:
    console.print()
    rows = [(name, word(part.status), part.detail or "") for name, part in system.components.items()]
    console.print(table(("COMPONENT", "STATUS", ""), rows))


def _recent(console: Console, runs: Sequence[Run], names: Mapping[UUID, str]) -> None:
    console.print()
    if not runs:
        console.print(plain("No runs yet: `quern add URL` or `quern add FILE` makes the first."))
        return
    rows = [
        (
            run.id,
            word(str(run.status)),
            names.get(run.source_id, "-") if run.source_id else "-",
            about(run),
            moment(run.created_at),
        )
        for run in runs
    ]
    console.print(table(("RUN", "STATUS", "OF", "", "ACCEPTED"), rows))


def _one(console: Console, run: Run, name: str) -> None:
    counts = run.progress
    rows: list[tuple[str, object]] = [
        ("run", run.id),
        ("of", name),
        ("source", run.source_id or "-"),
        ("status", word(str(run.status))),
        ("progress", f"{counts.percent} %: {counts.done} of {counts.total}, {counts.failed} failed"),
        ("attempt", f"{run.attempt} of {run.max_attempts}, {run.retries} retries"),
        ("accepted", moment(run.created_at)),
        ("finished", moment(run.finished_at)),
    ]
    if run.waiting_for:
        rows.append(("waiting for", run.waiting_for.replace("_", " ")))
    if run.eta_seconds is not None:
        rows.append(("time left", f"about {run.eta_seconds:.0f} seconds"))
    if run.prune is not None:
        rows.append(("pages gone", f"{run.prune.pages} of {run.prune.served}: {run.prune.state}"))
    if run.reason:
        rows.append(("reason", run.reason))
    if run.error:
        rows.append(("error", f"{run.error} ({run.error_code})"))
    console.print(table(("", ""), rows))
