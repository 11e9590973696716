from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import DependencyUnavailableError
from shared.vectors.errors import CollectionMissingError

if TYPE_CHECKING:
    from janitor.ports import Strays, TenantRows
    from shared.postgres.upkeep_tenants import GoingTenant

_log = structlog.get_logger(__name__)


class RemoveTenants:
    """Empties tenants that were deleted, step by step from the rows: whatever is cut short goes on in the next turn.

    First every source is marked, which ends its runs; then Weaviate loses the tenant, in every collection. The sources
    go their usual way, with their receipts. The rest of the rows stays until the last tombstone has expired, so that
    nothing that was sent before can arrive in a place that nobody remembers.
    """

    def __init__(
        self, *, rows: TenantRows, vectors: Strays, at_most: int, at_once: int, sources: int
    ) -> None:
        """Of one turn: ``at_most`` tenants, ``sources`` of each; ``at_once`` rows of one transaction."""
        self._rows = rows
        self._vectors = vectors
        self._at_most = at_most
        self._at_once = at_once
        self._sources = sources

    async def run_once(self) -> dict[str, int]:
        """Go on with each of them as far as is possible now.

        Raises:
            DependencyUnavailableError: something is down; it goes on where it stood.
        """
        removed = 0
        for going in await self._rows.going(at_most=self._at_most):
            try:
                removed += await self._remove(going)
            except DependencyUnavailableError:
                raise
            except Exception:  # noqa: BLE001  (one tenant that cannot be removed must not keep the others)
                _log.exception("tenant_not_removed", tenant=going.tenant)
        return {"removed": removed}

    async def _remove(self, going: GoingTenant) -> bool:
        if not await self._end_sources(going):
            return False
        while await self._rows.end_jobs(going, at_most=self._at_once):
            pass
        await self._empty_weaviate(going)
        if await self._rows.is_held(going):
            return False
        while await self._rows.remove_rows(going, at_most=self._at_once):
            pass
        if not await self._rows.finish(going):
            return False
        _log.info("tenant_removed", tenant=going.tenant)
        return True

    async def _end_sources(self, going: GoingTenant) -> bool:
        """Whether all of them are on their way out."""
        found = await self._rows.live_sources(going, at_most=self._sources)
        for source_id in found:
            await self._rows.delete_source(going, source_id)
        return len(found) < self._sources

    async def _empty_weaviate(self, going: GoingTenant) -> None:
        for collection in await self._rows.collections():
            try:
                there = await self._vectors.tenants(collection)
            except CollectionMissingError:
                continue
            if going.tenant in there:
                await self._vectors.delete_tenant(collection, going.tenant)
