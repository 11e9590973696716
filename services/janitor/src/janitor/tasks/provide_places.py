from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from janitor.ports import Collections, Places

_log = structlog.get_logger(__name__)


class ProvidePlaces:
    """Makes the current collection, its alias and the tenants again where Weaviate has lost one of them.

    Whoever writes makes them as well; a lost alias would be noticed by searches alone, which make nothing. A tenant
    that is deleted in this moment is removed again as a stray.
    """

    def __init__(self, *, rows: Places, vectors: Collections) -> None:
        self._rows = rows
        self._vectors = vectors

    async def run_once(self) -> dict[str, int]:
        """Look, and make what is missing."""
        current = await self._rows.current()
        if current is None:
            return {}
        made = 0
        if current.name not in await self._vectors.collections():
            await self._vectors.ensure_collection(current.name, dimensions=current.dimensions)
            made += 1
        await self._vectors.ensure_alias(current.name)
        there = set(await self._vectors.tenants(current.name))
        for slug in sorted(await self._rows.live_slugs() - there):
            await self._vectors.ensure_tenant(current.name, slug)
            made += 1
        if made:
            _log.info("places_made", collection=current.name, count=made)
        return {"made": made}
