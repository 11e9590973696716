from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from janitor.usecases.check_objects import count_orphans
from shared.vectors.errors import CollectionMissingError, TenantMissingError

if TYPE_CHECKING:
    from janitor.ports import Places, Strays

_log = structlog.get_logger(__name__)


class RemoveStrays:
    """Removes tenants from Weaviate that Postgres does not have: planted, deleted, or from after a backup.

    Collections that Postgres does not know are left alone and told of: they may belong to somebody else.
    """

    def __init__(self, *, rows: Places, vectors: Strays, prefix: str) -> None:
        """``prefix``: how the names of our collections begin."""
        self._rows = rows
        self._vectors = vectors
        self._prefix = prefix
        self._told: frozenset[str] = frozenset()

    async def run_once(self) -> dict[str, int]:
        """Look at the tenants of each collection; Weaviate is asked before Postgres, which knows each tenant first."""
        names = await self._vectors.collections()
        known = await self._rows.collections()
        self._tell({name for name in names if name.startswith(self._prefix)} - set(known))
        tenants = objects = 0
        for collection in known:
            for tenant in await self._strays(collection):
                objects += await self._remove(collection, tenant)
                tenants += 1
        return {"tenants": tenants, "objects": objects}

    async def _strays(self, collection: str) -> list[str]:
        try:
            there = await self._vectors.tenants(collection)
        except CollectionMissingError:
            return []
        return sorted(set(there) - await self._rows.live_slugs()) if there else []

    async def _remove(self, collection: str, tenant: str) -> int:
        try:
            count = await self._vectors.count(collection, tenant)
        except (CollectionMissingError, TenantMissingError):
            return 0
        await self._vectors.delete_tenant(collection, tenant)
        count_orphans(count)
        _log.warning("stray_tenant_removed", tenant=tenant, collection=collection, objects=count)
        return count

    def _tell(self, unknown: set[str]) -> None:
        if unknown - self._told:
            _log.warning("unknown_collections", collections=sorted(unknown))
        self._told = frozenset(unknown)
