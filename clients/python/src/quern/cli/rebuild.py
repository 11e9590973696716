"""``quern reindex``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import BaseModel

from quern.cli.exit_codes import ExitCode
from quern.cli.names import find_source
from quern.cli.output import plain, table
from quern.cli.progress import bars, label
from quern.cli.running import UsageError
from quern.errors import WaitTimeoutError
from quern.models import Rebuild

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from quern.cli.running import Session

POLL_SECONDS = 0.5
EVERYTHING = "everything"


class Rebuilt(BaseModel):
    """A rebuild, and what people call it."""

    source: str
    rebuild: Rebuild


async def reindex(
    session: Session, names: Sequence[str], *, everything: bool, wait: bool, timeout_seconds: float
) -> ExitCode:
    """Index sources, or everything, anew from what is stored.

    Raises:
        UsageError: neither sources nor all were named, or both.
        WaitTimeoutError: it is not done after ``timeout_seconds``.
    """
    if bool(names) == everything:
        raise UsageError("Name the sources, or say --all.")
    rebuilds = session.client.rebuilds
    if everything:
        begun = [Rebuilt(source=EVERYTHING, rebuild=await rebuilds.start())]
    else:
        found = [await find_source(session.client, name) for name in names]
        begun = [
            Rebuilt(source=source.address, rebuild=await rebuilds.start(source_id=source.id))
            for source in found
        ]
    if wait:
        try:
            async with asyncio.timeout(timeout_seconds):
                begun = await _ended(session, begun)
        except TimeoutError:
            raise WaitTimeoutError(begun[-1].rebuild.id, timeout_seconds, what="Rebuild") from None
    items = [{"source": one.source, **one.rebuild.model_dump(mode="json")} for one in begun]
    session.out.emit({"items": items}, lambda console: _show(console, begun))
    return ExitCode.OK


async def _ended(session: Session, begun: Sequence[Rebuilt]) -> list[Rebuilt]:
    with bars(session.out) as progress:
        ended = []
        for one in begun:
            bar = progress.add_task(label(one.source), total=one.rebuild.total or None, about="")
            rebuild = one.rebuild
            while rebuild.finished_at is None:
                progress.update(bar, completed=rebuild.done)
                await asyncio.sleep(POLL_SECONDS)
                rebuild = await session.client.rebuilds.get(rebuild.id)
            progress.update(bar, completed=rebuild.total or 1, total=rebuild.total or 1)
            ended.append(Rebuilt(source=one.source, rebuild=rebuild))
    return ended


def _status(rebuild: Rebuild) -> str:
    if rebuild.finished_at is None:
        return "under way"
    return f"ended: {rebuild.reason}" if rebuild.reason else "done"


def _show(console: Console, done: Sequence[Rebuilt]) -> None:
    rows = [
        (
            plain(_status(one.rebuild)),
            one.source,
            one.rebuild.id,
            f"{one.rebuild.done} of {one.rebuild.total} chunks",
        )
        for one in done
    ]
    console.print(table(("STATUS", "OF", "REBUILD", ""), rows))
