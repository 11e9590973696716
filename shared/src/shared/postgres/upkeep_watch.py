"""What the audit remembers: which Weaviate and which Postgres it has seen, and what it owes since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.clock import new_id
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from shared.postgres.database import Connection, Database

_TURNS_APART: Final = 5
"""Two janitors may write their marks in the other order; a Weaviate that was set back is behind by more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The state of Postgres that Weaviate remembers.

    Attributes:
        history: of the installation.
        turn: of the last look that was marked there.
    """

    history: UUID
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is known now, and owed.

    Attributes:
        history: of the installation.
        turn: of this look, to be marked in Weaviate.
        starts: of Weaviate, at this look.
        recheck_from: batches verified since then are to be verified again; None where none are.
        recheck_to: those before this moment: the later ones are done.
        is_full: everything is being compared; nothing superseded may be deleted yet.
        reason: why, where this look found it.
    """

    history: UUID
    turn: int
    starts: str
    recheck_from: datetime | None = None
    recheck_to: datetime | None = None
    is_full: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedVersion:
    """A version that came to be served."""

    version_id: UUID
    activated_at: datetime
    source_id: UUID
    document_id: UUID
    chunk_count: int


def find_reason(
    *, remembered: Remembered | None, history: UUID, turn: int, marked: int, same_database: bool
) -> str:
    """Why everything must be compared; empty where nothing speaks for it.

    Args:
        remembered: what Weaviate remembers.
        history: of the installation, as this Postgres has it.
        turn: of the last look, as this Postgres has it; Weaviate never knows a later one.
        marked: what Weaviate was last seen to remember.
        same_database: whether server, timeline and database are those of the last look.
    """
    if not same_database:
        return "another Postgres than before: it was restored, or another server took over"
    if remembered is None:
        return "Weaviate has lost its data" if marked else ""
    if remembered.history != history:
        return "Weaviate was used by another installation"
    if remembered.turn > turn:
        return "Postgres is older than what Weaviate remembers: it was set back"
    if remembered.turn + _TURNS_APART < marked:
        return "Weaviate is older than what Postgres remembers: it was set back"
    return ""


class PostgresWatch:
    """The table ``audit_watch``; each method is one transaction."""

    def __init__(self, *, database: Database, recent_seconds: float) -> None:
        """``recent_seconds``: how old a batch may be at a restart of Weaviate and still be verified again."""
        self._database = database
        self._recent_seconds = recent_seconds

    async def look(self, *, remembered: Remembered | None, starts: str) -> Watch:
        """Compare what Weaviate says with what is known, and note what follows. Ask Weaviate first."""
        first = new_id() if remembered is None else remembered.history

        async def work(connection: Connection) -> Watch:
            watch = queries("audit_watch")
            row = await connection.fetchrow(watch["hold"])
            if row is None:
                return await self._begin(connection, remembered, first, starts)
            reason = find_reason(
                remembered=remembered,
                history=row["history"],
                turn=row["turn"],
                marked=row["marked"],
                same_database=row["database_identity"] == row["identity_now"],
            )
            known = remembered.turn if remembered and remembered.history == row["history"] else 0
            turn = max(row["turn"], known) + 1
            [noted] = await connection.fetch(watch["note"], turn, known, starts, reason, self._recent_seconds)
            if reason:
                await connection.execute(queries("audit_state")["begin_rounds"])
            return Watch(
                history=row["history"],
                turn=turn,
                starts=starts,
                recheck_from=noted["recheck_from"],
                recheck_to=noted["recheck_to"],
                is_full=noted["full_since"] is not None,
                reason=reason,
            )

        return await self._database.run(work)

    async def _begin(
        self, connection: Connection, remembered: Remembered | None, history: UUID, starts: str
    ) -> Watch:
        reason = (
            "" if remembered is None else "Postgres is older than what Weaviate remembers: it was set back"
        )
        turn = 1 if remembered is None else remembered.turn + 1
        await connection.execute(queries("audit_watch")["begin"], history, turn, starts, reason)
        if reason:
            await connection.execute(queries("audit_state")["begin_rounds"])
        return Watch(history=history, turn=turn, starts=starts, is_full=bool(reason), reason=reason)

    async def rechecked(self, *, starts: str, down_to: datetime | None) -> None:
        """Batches that were verified after that moment have been verified again, by these starts; None: all of them."""

        async def work(connection: Connection) -> None:
            await connection.execute(queries("audit_watch")["rechecked"], starts, down_to)

        await self._database.run(work)

    async def end_full(self) -> bool:
        """Whether the full audit has just come to its end: each place had a whole round since it began."""

        async def work(connection: Connection) -> bool:
            return await connection.fetchval(queries("audit_watch")["end_full"]) is not None

        return await self._database.run(work)

    async def changed(self, *, settled_seconds: float, at_most: int) -> list[ChangedVersion]:
        """Versions that came to be served since the last time and at least so long ago, the oldest first.

        None that an older transaction, which is still under way, could yet come before.
        """

        async def work(connection: Connection) -> list[ChangedVersion]:
            watch = queries("audit_watch")
            cursor = await connection.fetchrow(watch["cursor"], settled_seconds)
            if cursor is None:
                return []
            rows = await connection.fetch(
                watch["changed_versions"],
                cursor["changed_at"],
                cursor["changed_id"],
                cursor["settled_to"],
                at_most,
            )
            return [
                ChangedVersion(
                    version_id=row["id"],
                    activated_at=row["activated_at"],
                    source_id=row["source_id"],
                    document_id=row["document_id"],
                    chunk_count=row["chunk_count"],
                )
                for row in rows
            ]

        return await self._database.run(work)

    async def changes_seen(self, last: ChangedVersion) -> None:
        """All up to this one were looked at."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("audit_watch")["changes_seen"], last.activated_at, last.version_id
            )

        await self._database.run(work)
