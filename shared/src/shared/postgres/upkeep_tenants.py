"""Removing a tenant for good, once its sources are on their way out: its work, its rows; and the receipt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.contracts.caller import Caller
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.locks import lock_family
from shared.postgres.sql import queries
from shared.postgres.steering import PostgresSteering, cancel_jobs, note_removed
from shared.postgres.transitions import close_runs
from shared.postgres.upkeep_support import ACTOR, affected
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres.database import Connection, Database

#: What is removed of a tenant beside its jobs, by table; those that others point to come last.
PURGES: Final = (
    "drop_result_parts",
    "drop_index_batches",
    "drop_repairs",
    "drop_rebuilds",
    "drop_audit_state",
    "drop_stored_uploads",
    "drop_tenant_usage",
    "drop_tenant_turns",
    "drop_webhook_deliveries",
    "drop_webhooks",
    "drop_sources",
    "drop_groups",
    "drop_sessions",
    "drop_api_tokens",
    "drop_users",
)


@dataclass(frozen=True, slots=True)
class GoingTenant:
    """A tenant that was deleted and is not empty yet."""

    tenant_id: UUID
    tenant: str


class PostgresTenantRemoval:
    """Each method is one transaction, bounded by its ``at_most``; repeated or done by two at once, it does no harm."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._steering = PostgresSteering(database=database, max_attempts=1, prune_limits=USUAL_PRUNE_LIMITS)

    async def going(self, *, at_most: int) -> list[GoingTenant]:
        """Tenants to be emptied, the oldest request first."""

        async def work(connection: Connection) -> list[GoingTenant]:
            rows = await connection.fetch(queries("tenants")["going"], at_most)
            return [GoingTenant(row["id"], row["slug"]) for row in rows]

        return await self._database.run(work)

    async def collections(self) -> list[str]:
        """Every collection that it may have a place in."""

        async def work(connection: Connection) -> list[str]:
            return [row["name"] for row in await connection.fetch(queries("collections")["all"])]

        return await self._database.run(work)

    async def live_sources(self, going: GoingTenant, *, at_most: int) -> list[UUID]:
        """Its next sources that nobody has begun to remove."""

        async def work(connection: Connection) -> list[UUID]:
            rows = await connection.fetch(queries("tenants")["live_sources"], going.tenant_id, at_most)
            return [row["id"] for row in rows]

        return await self._database.run(work)

    async def delete_source(self, going: GoingTenant, source_id: UUID) -> None:
        """Cancel its runs under the locks and have it removed, as if a person had asked for it."""
        caller = Caller(tenant_id=going.tenant_id, tenant_slug=going.tenant, actor=ACTOR, request_id="")
        try:
            await self._steering.delete_source(caller=caller, source_id=source_id, force=True)
        except NotFoundError:
            return  # somebody else has just begun it

    async def is_held(self, going: GoingTenant) -> bool:
        """Whether something of it may still be in Weaviate, or arrive there."""

        async def work(connection: Connection) -> bool:
            return bool(await connection.fetchval(queries("tenants")["is_held"], going.tenant_id))

        return await self._database.run(work)

    async def end_jobs(self, going: GoingTenant, *, at_most: int) -> int:
        """Cancel the next jobs that are open still; returns how many."""

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(queries("tenants")["open_jobs"], going.tenant_id, at_most)
            ids = [row["id"] for row in rows]
            if not ids:
                return 0
            family = await lock_family(connection, ids)
            still = [key for key in ids if family.jobs[key]["status"] in {"queued", "running"}]
            crawls = [key for key, root in family.roots.items() if root["type"] == "crawler"]
            await cancel_jobs(connection, still, limits=USUAL_PRUNE_LIMITS)
            await close_runs(connection, crawls, limits=USUAL_PRUNE_LIMITS)
            return len(ids)

        return await self._database.run(work)

    async def remove_rows(self, going: GoingTenant, *, at_most: int) -> Counter[str]:
        """Remove the next rows, by table; nothing comes back when nothing is left."""

        async def work(connection: Connection) -> Counter[str]:
            sql = queries("tenants")
            jobs = await connection.fetch(sql["drop_pages"], going.tenant_id, at_most)
            if jobs:
                await note_removed(connection, going.tenant_id, Counter(row["status"] for row in jobs))
                return Counter(jobs=len(jobs))
            for query in PURGES:
                gone = affected(await connection.execute(sql[query], going.tenant_id, at_most))
                if gone:
                    return Counter({query.removeprefix("drop_"): gone})
            return Counter()

        return await self._database.run(work)

    async def finish(self, going: GoingTenant) -> bool:
        """It is gone: say so, and write the receipt where operators see it. False where it is not, or was said."""

        async def work(connection: Connection) -> bool:
            sql = queries("tenants")
            if await connection.fetchval(sql["hold_going"], going.tenant_id) is None:
                return False
            if await connection.fetchval(sql["is_held"], going.tenant_id):
                return False
            await connection.execute(sql["mark_purged"], going.tenant_id)
            asked_by = await connection.fetchval(sql["asked_by"], str(going.tenant_id))
            await connection.execute(
                queries("audit_log")["add"],
                asked_by or going.tenant_id,
                ACTOR,
                "tenant.deleted",
                str(going.tenant_id),
                "deleted",
                {"slug": going.tenant},
            )
            return True

        return await self._database.run(work)
