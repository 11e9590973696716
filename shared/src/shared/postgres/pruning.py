"""Retiring what a crawl found gone: decided when its run closes, and never past the mass-delete breaker.

Everything here happens under the locks of the source and of its run, which are also held by whoever finds a page
again: what is read here stays true until the transaction ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.postgres.locks import lock_documents
from shared.postgres.serving import supersede
from shared.postgres.sql import queries
from shared.postgres.upkeep_support import ACTOR
from shared.states import JobStatus, PruneState
from shared.verdicts import RETIRING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection
    from shared.verdicts import PruneLimits

#: Documents that the transaction which closes a run retires itself, if they fit into one slice's chunks as well; of more
#: the janitor takes care, in slices.
AT_ONCE: Final = 1000
#: Documents that one statement looks at: what a transaction does may take its time, no statement may.
LOOK: Final = 20_000
#: Of one slice: documents, and chunks, because each of them is a row with a dozen indexes.
SLICE: Final = 500
SLICE_CHUNKS: Final = 20_000

_REASONS: Final = sorted(reason.value for reason in RETIRING)


async def retire_documents(
    connection: Connection, source_ids: Sequence[UUID], document_ids: Sequence[UUID]
) -> None:
    """Take documents out of search: their versions are kept, nothing of them is served.

    The caller holds the sources' locks, so that nothing activates them at the same time.
    """
    await supersede(connection, source_ids, document_ids)
    await connection.execute(queries("document_versions")["deactivate"], document_ids)
    await connection.execute(queries("documents")["retire"], document_ids)
    await connection.execute(queries("crawl_pages")["mark_gone"], document_ids)


_Which = tuple["UUID", "UUID", bool, list[str]]
"""Source, run, whether what it did not reach counts as missed, and the reasons by which a page is gone."""


@dataclass(slots=True)
class _Found:
    """What a run missed of what its source serves, with the slices of it that have any: after and up to which URI."""

    served: int = 0
    missed: int = 0
    slices: list[tuple[str, str]] = field(default_factory=list)


async def _look(connection: Connection, which: _Which) -> _Found:
    found, after = _Found(), ""
    while True:
        row = await connection.fetchrow(queries("documents")["count_missed"], *which, after, LOOK)
        if row is None or not row["served"]:
            return found
        found.served += row["served"]
        found.missed += row["missed"]
        if row["missed"]:
            found.slices.append((after, row["last"]))
        after = row["last"]


async def prune(connection: Connection, run: Record, limits: PruneLimits) -> None:
    """Retire what this crawl, which has just closed, found gone; or hold it, where that is most of the source.

    A complete run misses what it did not reach any more as well. An older run, in which a page was tried again, says
    nothing: the newer one knows what the site has. A run that failed leaves an earlier question open.
    """
    newest = await connection.fetchrow(queries("jobs")["newest_crawls"], [run["source_id"]])
    if newest is None or newest["seq"] > run["seq"]:
        return
    before = await connection.fetchrow(queries("prunes")["of_run"], run["id"])
    if before is not None and (before["state"] == PruneState.REJECTED or is_at_work(before)):
        return
    if run["status"] == JobStatus.SUCCEEDED or before is not None:
        await _supersede(connection, run)
    complete = run["status"] == JobStatus.SUCCEEDED and not run["failed"] and not run["cancelled"]
    which = (run["source_id"], run["id"], complete and not run["stats"].get("truncated"), _REASONS)
    found = await _look(connection, which)
    if found.missed:
        hold = limits.hold(found.missed, found.served)
        await _retire_or_hold(connection, run, found, which, hold=hold)


def is_at_work(before: Record) -> bool:
    """Whether approved documents are still to be retired."""
    return before["state"] == PruneState.APPROVED and before["finished_at"] is None


async def _supersede(connection: Connection, run: Record) -> None:
    rows = await connection.fetch(queries("prunes")["supersede"], run["source_id"])
    await connection.execute(queries("held_pages")["drop_of_runs"], [row["run_id"] for row in rows])


async def _retire_or_hold(
    connection: Connection, run: Record, found: _Found, which: _Which, *, hold: bool
) -> None:
    if not hold and await _retire_at_once(connection, run, found, which):
        return
    state = PruneState.HELD if hold else PruneState.APPROVED
    about = (run["id"], run["tenant_id"], run["source_id"], state, found.missed, found.served)
    await connection.execute(queries("prunes")["note"], *about, None if hold else ACTOR)
    for part in found.slices:
        await connection.execute(queries("held_pages")["hold"], *which, *part)
    if hold:
        await _say_held(connection, run, found.missed, found.served)


async def _retire_at_once(connection: Connection, run: Record, found: _Found, which: _Which) -> bool:
    """Retire all of it in this transaction, if it is little; says whether it was."""
    if found.missed > AT_ONCE:
        return False
    missed = [
        row["id"]
        for part in found.slices
        for row in await connection.fetch(queries("documents")["missed"], *which, *part)
    ]
    if await connection.fetchval(queries("document_versions")["count_chunks"], missed) > SLICE_CHUNKS:
        return False
    await lock_documents(connection, missed)
    await retire_documents(connection, [run["source_id"]], missed)
    await connection.execute(queries("jobs")["note_run"], run["id"], {"retired": found.missed}, {})
    return True


async def _say_held(connection: Connection, run: Record, missed: int, served: int) -> None:
    note = {"warning": "prune_held", "prune_held": missed}
    await connection.execute(queries("jobs")["note_run"], run["id"], note, {})
    sentence = (
        f"{missed} of {served} pages seem to be gone. They are kept until somebody approves or rejects that."
    )
    fields = {"warning": "prune_held", "pages": missed, "served": served}
    await connection.execute(queries("job_logs")["add"], [run["id"]], ["warning"], [sentence], [fields])
    await connection.execute(
        queries("audit_log")["add"], run["tenant_id"], ACTOR, "prune.hold", str(run["id"]), "held", fields
    )


async def retire_slice(connection: Connection, run_id: UUID, source_id: UUID) -> tuple[int, bool]:
    """Retire the next documents of an approved run that are still missed; returns how many, and whether it was all."""
    rows = await connection.fetch(queries("held_pages")["next"], run_id, SLICE, _REASONS)
    some, chunks = 0, 0
    while some < len(rows) and (some == 0 or chunks + rows[some]["chunks"] <= SLICE_CHUNKS):
        chunks += rows[some]["chunks"]
        some += 1
    missed = [row["document_id"] for row in rows[:some] if row["missed"]]
    if missed:
        await lock_documents(connection, missed)
        await retire_documents(connection, [source_id], missed)
    await connection.execute(
        queries("held_pages")["drop"], run_id, [row["document_id"] for row in rows[:some]]
    )
    finished = some == len(rows) < SLICE
    retired = await connection.fetchval(queries("prunes")["count_retired"], run_id, len(missed), finished)
    if finished:
        await connection.execute(queries("jobs")["note_run"], run_id, {"retired": retired}, {})
    return len(missed), finished
