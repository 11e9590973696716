"""What tenants may use and do use; whoever adds to it asks here, under a lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.postgres.intake_errors import ConflictError
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from uuid import UUID

    from shared.limits import TenantLimits
    from shared.postgres.database import Connection, Database


class QuotaExceededError(ConflictError):
    """The tenant has as much of something as it may have; ``limit`` is the limit's name."""

    code = "quota_exceeded"

    def __init__(self, limit: str, allowed: int, sentence: str) -> None:
        super().__init__(sentence)
        self.limit = limit
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUsage:
    """What a tenant uses now."""

    sources: int
    stored_bytes: int
    jobs_in_flight: int


class PostgresLimits:
    """Reads limits and what is used of them."""

    def __init__(self, *, database: Database, defaults: TenantLimits) -> None:
        self._database = database
        self._defaults = defaults

    async def allowed(self, tenant_id: UUID) -> TenantLimits:
        """What the settings allow, with what an operator set for this tenant."""

        async def work(connection: Connection) -> TenantLimits:
            return await effective(connection, tenant_id, self._defaults)

        return await self._database.run(work, tenant_id)

    async def used(self, tenant_id: UUID) -> TenantUsage:
        """What it uses now."""

        async def work(connection: Connection) -> TenantUsage:
            row = await connection.fetchrow(queries("limits")["used"], tenant_id)
            return TenantUsage(**row) if row else TenantUsage(sources=0, stored_bytes=0, jobs_in_flight=0)

        return await self._database.run(work, tenant_id)


class Quotas:
    """Counts what is added to a tenant, in the transaction that adds it, after all its other locks."""

    def __init__(self, *, defaults: TenantLimits) -> None:
        self._defaults = defaults

    async def clamp(self, connection: Connection, tenant_id: UUID, config: dict[str, Any]) -> dict[str, Any]:
        """A crawl's settings with no more pages than the tenant may ask for now."""
        most = (await effective(connection, tenant_id, self._defaults)).pages_per_crawl
        asked = config.get("max_pages")
        return config if asked is None or asked <= most else {**config, "max_pages": most}

    async def source_added(self, connection: Connection, tenant_id: UUID) -> None:
        """A source was added in this transaction.

        Raises:
            QuotaExceededError: there are more than the tenant may have.
        """
        sql = queries("limits")
        await connection.fetchval(sql["hold_usage"], tenant_id)
        most = (await effective(connection, tenant_id, self._defaults)).sources
        # A statement of its own, which sees what was committed while the lock was awaited.
        if await connection.fetchval(sql["live_sources"], tenant_id, most + 1) > most:
            raise QuotaExceededError(
                "sources", most, f"{most} sources are allowed, and there are as many: delete one first."
            )

    async def bytes_stored(
        self, connection: Connection, tenant_id: UUID, *, run_id: UUID, source_id: UUID, size: int
    ) -> None:
        """An original of ``size`` bytes is kept.

        Raises:
            QuotaExceededError: with it there are more than the tenant may have.
        """
        sql = queries("limits")
        stored = await connection.fetchval(sql["hold_usage"], tenant_id)
        most = (await effective(connection, tenant_id, self._defaults)).stored_bytes
        if stored + size > most:
            raise QuotaExceededError(
                "stored_bytes",
                most,
                f"{most} bytes of uploads are allowed, {stored} are stored, and this file has {size}: "
                "delete some first.",
            )
        await connection.execute(sql["store"], tenant_id, run_id, source_id, size)


async def effective(connection: Connection, tenant_id: UUID, defaults: TenantLimits) -> TenantLimits:
    """The limits of a tenant, inside a transaction."""
    overrides = await connection.fetchval(queries("limits")["overrides"], tenant_id)
    return defaults.overridden(overrides or {})
