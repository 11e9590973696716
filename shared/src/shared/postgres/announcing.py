"""The bounded windows of announced jobs, computed from rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts.messages import TaskMessage
from shared.postgres.sql import queries
from shared.states import Handler
from shared.windows import Held, Limits, Waiting, choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from shared.postgres.database import Connection, Database


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
        self, *, database: Database, limits: Limits, unstored_max: int, crawls_at_once: int = 200
    ) -> None:
        self._database = database
        self._limits = limits
        self._unstored_max = unstored_max
        self._crawls_at_once = crawls_at_once

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
        held = [
            Held(r["tenant_id"], r["root_id"], r["host"], r["lane"], r["jobs"])
            for r in await connection.fetch(jobs["occupancy"])
        ]
        if sum(h.jobs for h in held) >= self._limits.in_all(slots):
            return []
        # No run or tenant can be given more than the whole window.
        most = self._limits.in_all(slots)
        rows = await connection.fetch(jobs["waiting_uploads"], min(most, self._limits.per_tenant))
        rows += await connection.fetch(
            jobs["waiting_pages"], min(most, self._limits.per_run), self._crawls_at_once
        )
        waiting = [
            Waiting(r["id"], r["tenant_id"], r["root_id"], r["host"], r["lane"], r["seq"], r["pace_seconds"])
            for r in rows
        ]
        chosen = choose(waiting, held, self._limits, slots=slots)
        if not chosen:
            return []
        stamped = {row["id"]: row for row in await connection.fetch(jobs["announce"], chosen)}
        return [_message(stamped[key]) for key in chosen if key in stamped]

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
