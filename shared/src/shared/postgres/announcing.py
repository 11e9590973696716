"""The bounded windows of announced jobs, computed from rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.contracts.messages import TaskMessage
from shared.postgres.sql import queries
from shared.states import Handler
from shared.windows import Held, Limits, Waiting, choose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection, Database

_PAGES_LOOKED_AT: Final = 8
"""Of each run at least, so that a first page whose host is busy does not hide the next ones."""


def _message(row: Record) -> TaskMessage:
    return TaskMessage(
        job_id=row["id"],
        epoch=row["epoch"],
        tenant_id=row["tenant_id"],
        handler=Handler(row["handler"]),
        attempt=row["attempt"],
        request_id=row["request_id"] or "",
        payload=row["payload"],
    )


class PostgresWindows:
    """Decides what fits, and stamps it as announced.

    One dispatcher at a time decides, so that two that saw the same room do not both fill it.
    """

    def __init__(
        self,
        *,
        database: Database,
        limits: Limits,
        unstored_max: int,
        slow_seconds: float = 10.0,
        at_once: int = 200,
    ) -> None:
        """``slow_seconds`` is after how long a claim counts as slow; ``at_once`` the tenants and crawls of one look."""
        self._database = database
        self._limits = limits
        self._unstored_max = unstored_max
        self._slow_seconds = slow_seconds
        self._at_once = at_once

    async def announce_waiting(self) -> list[TaskMessage]:
        """Stamp what fits into the windows now and return its messages, to be published.

        Nothing is announced while more results than the limit wait to be stored.
        """
        return await self._database.run(self._announce_waiting)

    async def _announce_waiting(self, connection: Connection) -> list[TaskMessage]:
        jobs = queries("jobs")
        await connection.execute(jobs["turn"])
        if await connection.fetchval(jobs["unstored"]) > self._unstored_max:
            return []
        slots = await connection.fetchval(jobs["capacity"])
        held = [Held(**row) for row in await connection.fetch(jobs["occupancy"], self._slow_seconds)]
        room = self._limits.in_all(slots) - sum(one.jobs for one in held)
        if room <= 0:
            return []
        waiting = await self._waiting(connection, room)
        chosen = choose(waiting, held, self._limits, slots=slots)
        await self._end_turns(connection, waiting, chosen)
        if not chosen:
            return []
        stamped = {row["id"]: row for row in await connection.fetch(jobs["announce"], chosen)}
        return [_message(stamped[key]) for key in chosen if key in stamped]

    async def _waiting(self, connection: Connection, room: int) -> list[Waiting]:
        jobs = queries("jobs")
        # No run or tenant can be given more than there is room for; of pages, some may not fit for their host.
        rows = await connection.fetch(jobs["waiting_uploads"], room, self._at_once)
        pages = min(max(room, _PAGES_LOOKED_AT), self._limits.per_run)
        rows += await connection.fetch(jobs["waiting_pages"], pages, self._at_once)
        return [Waiting(**row) for row in rows]

    async def _end_turns(
        self, connection: Connection, waiting: Sequence[Waiting], chosen: Sequence[UUID]
    ) -> None:
        """Who was served goes to the end of the line; and who could not be, where it might keep others out of sight."""
        by_id = {job.id: job.tenant_id for job in waiting}
        served = dict.fromkeys(by_id[key] for key in chosen if key in by_id)
        seen = dict.fromkeys(job.tenant_id for job in waiting)
        unserved = [key for key in seen if key not in served] if len(seen) >= self._at_once else []
        if turns := [*unserved, *served]:
            await connection.execute(queries("tenant_turns")["served"], turns)

    async def announce_again(
        self, *, after_seconds: float, at_most: int, waiting: int = 0
    ) -> list[TaskMessage]:
        """Stamp jobs again whose announcement nobody took up; each time after twice the pause.

        Args:
            after_seconds: the first pause.
            at_most: jobs.
            waiting: messages that wait in the queue: so many announcements are surely not lost.
        """

        async def work(connection: Connection) -> list[TaskMessage]:
            rows = await connection.fetch(queries("jobs")["announce_again"], after_seconds, at_most, waiting)
            return [_message(row) for row in rows]

        return await self._database.run(work)

    async def unannounce(self, messages: Sequence[TaskMessage]) -> None:
        """The messages were not published: their jobs wait again."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("jobs")["unannounce"], [m.job_id for m in messages], [m.epoch for m in messages]
            )

        await self._database.run(work)
