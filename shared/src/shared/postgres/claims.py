"""What an ingest-worker does to jobs: claim, deliver, hand back. Each write is guarded by the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.postgres.sql import queries
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try of a job: its id and the epoch that this try holds."""

    job_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is this worker's now, with all that it takes to do it.

    Attributes:
        config: the run's settings.
        secret_headers: header values of the source's crawl, never logged or passed on.
        source_url: whose secrets they are, and where the crawl's scope begins; None for an upload.
        etag: of the copy that is being served; None where it must be fetched anew.
        last_modified: likewise.
    """

    ticket: Ticket
    tenant_id: UUID
    root_id: UUID
    source_id: UUID
    handler: Handler
    attempt: int
    request_id: str
    payload: dict[str, Any]
    config: dict[str, Any]
    url_key: str | None
    depth: int
    is_seed: bool
    host: str | None
    secret_headers: dict[str, str]
    source_url: str | None
    etag: str | None
    last_modified: str | None


def _claim(row: Record) -> Claim:
    served = bool(row["is_served"])
    return Claim(
        ticket=Ticket(row["id"], row["epoch"]),
        tenant_id=row["tenant_id"],
        root_id=row["root_id"],
        source_id=row["source_id"],
        handler=Handler(row["handler"]),
        attempt=row["attempt"],
        request_id=row["request_id"] or "",
        payload=row["payload"],
        config=row["config"],
        url_key=row["url_key"],
        depth=row["depth"] or 0,
        is_seed=row["is_seed"],
        host=row["host"],
        secret_headers=row["secret_headers"],
        source_url=row["source_url"],
        etag=row["etag"] if served else None,
        last_modified=row["last_modified"] if served else None,
    )


class PostgresClaims:
    """The claims of one worker process."""

    def __init__(
        self,
        *,
        database: Database,
        worker_id: UUID,
        job_deadline_seconds: float,
        result_deadline_seconds: float,
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._job_deadline_seconds = job_deadline_seconds
        self._result_deadline_seconds = result_deadline_seconds

    async def claim(self, tickets: Sequence[Ticket]) -> list[Claim]:
        """Take jobs that are queued at exactly these epochs; what does not come back is over or someone else's.

        Claims nothing once this worker's own lease has lapsed.
        """
        ids, epochs = [t.job_id for t in tickets], [t.epoch for t in tickets]

        async def work(connection: Connection) -> list[Claim]:
            await connection.execute(queries("jobs")["start_runs"], ids)
            rows = await connection.fetch(
                queries("jobs")["claim"], self._worker_id, ids, epochs, self._job_deadline_seconds
            )
            return [_claim(row) for row in rows]

        return await self._database.run(work)

    async def never_was(self, job_id: UUID, source_id: UUID | None) -> bool:
        """Whether there never was such a job; one that was removed since had a source, whose row stays."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetch(queries("jobs")["never_were"], [job_id], [source_id]))

        return await self._database.run(work)

    async def delivered(self, tickets: Sequence[Ticket]) -> None:
        """The results are with nsqd: from now on a consumer owes them."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("jobs")["deliver"],
                self._worker_id,
                [t.job_id for t in tickets],
                [t.epoch for t in tickets],
                self._result_deadline_seconds,
            )

        await self._database.run(work)

    async def hand_back(self, tickets: Sequence[Ticket], *, after_seconds: float) -> int:
        """Queue jobs again that this worker will not finish, due after so many seconds; no attempt is spent.

        Returns how many were its own.
        """

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(
                queries("jobs")["hand_back"],
                self._worker_id,
                [t.job_id for t in tickets],
                [t.epoch for t in tickets],
                after_seconds,
            )
            return len(rows)

        return await self._database.run(work)

    async def held(self) -> list[Ticket]:
        """The jobs that are claimed by this worker, at the epochs of their claims."""

        async def work(connection: Connection) -> list[Ticket]:
            rows = await connection.fetch(queries("jobs")["held"], self._worker_id)
            return [Ticket(row["id"], row["epoch"]) for row in rows]

        return await self._database.run(work)

    async def unstored(self) -> int:
        """Results that were delivered and that no consumer has stored yet, of all workers."""

        async def work(connection: Connection) -> int:
            found: int = await connection.fetchval(queries("jobs")["unstored"])
            return found

        return await self._database.run(work)


@dataclass(frozen=True, slots=True)
class KeptRobots:
    """robots.txt as it was answered: the status (0 for no answer) and the body."""

    status: int
    body: str


class PostgresHosts:
    """Pace and robots.txt by host: what lets stateless workers be polite together."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def reserve_slot(self, host: str, delay_seconds: float) -> float:
        """Take the host's next slot; returns how many seconds to wait for it."""

        async def work(connection: Connection) -> float:
            wait: float = await connection.fetchval(queries("hosts")["reserve_slot"], host, delay_seconds)
            return max(0.0, wait)

        return await self._database.run(work)

    async def robots(self, host: str) -> KeptRobots | None:
        """The kept robots.txt, unless it is too old."""

        async def work(connection: Connection) -> KeptRobots | None:
            row = await connection.fetchrow(queries("hosts")["robots"], host)
            return KeptRobots(row["robots_status"], row["robots_body"] or "") if row else None

        return await self._database.run(work)

    async def keep_robots(self, host: str, robots: KeptRobots, *, seconds: float) -> None:
        """Keep an answer for every worker, for this long."""

        async def work(connection: Connection) -> None:
            await connection.execute(
                queries("hosts")["keep_robots"], host, robots.status, robots.body, seconds
            )

        await self._database.run(work)
