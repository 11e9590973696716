"""Sources: what Quern was pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from quern.models.common import Page
from quern.models.jobs import RunStarted
from quern.models.sources import (
    Columns,
    CrawledPage,
    Source,
    SourceAdded,
    SourceDeleting,
)
from quern.paging import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from quern.models.common import JobStatus
    from quern.models.sources import CrawlOptions, SourceStatus, SourceType
    from quern.transport import Transport


class Sources:
    """``/v1/sources``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def add(
        self,
        url: str,
        *,
        name: str | None = None,
        group_id: UUID | None = None,
        crawl: CrawlOptions | None = None,
    ) -> SourceAdded:
        """Add a site; its first crawl begins."""
        body = {"type": "web", "url": url, **_changes(name, group_id, crawl)}
        return await self._transport.send(SourceAdded, "POST", "/v1/sources", body=body)

    async def list(
        self,
        *,
        type: SourceType | None = None,  # noqa: A002  (the contract's name)
        status: SourceStatus | None = None,
        group_id: UUID | None = None,
        q: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Source]:
        """Sources, newest first; ``q`` is a part of the name, URL or file name."""
        params = {
            "type": type,
            "status": status,
            "group_id": group_id,
            "q": q,
            "limit": limit,
            "offset": offset,
        }
        return await self._transport.get(Page[Source], "/v1/sources", params)

    def walk(self, *, q: str | None = None) -> AsyncIterator[Source]:
        """All sources, newest first."""
        return walk(lambda limit, offset: self.list(q=q, limit=limit, offset=offset))

    async def get(self, source_id: UUID) -> Source:
        """One source."""
        return await self._transport.get(Source, f"/v1/sources/{source_id}")

    async def update(
        self,
        source_id: UUID,
        *,
        name: str | None = None,
        group_id: UUID | None = None,
        crawl: CrawlOptions | None = None,
    ) -> Source:
        """Change what is given; the rest stays, inside ``crawl`` too."""
        body = _changes(name, group_id, crawl)
        return await self._transport.send(Source, "PATCH", f"/v1/sources/{source_id}", body=body)

    async def delete(self, source_id: UUID, *, force: bool = False) -> SourceDeleting:
        """Hide a source from search at once and have it removed; ``force`` cancels its active runs first."""
        path, params = f"/v1/sources/{source_id}", {"force": force}
        return await self._transport.send(SourceDeleting, "DELETE", path, params=params)

    async def sync(self, source_id: UUID) -> RunStarted:
        """Crawl a site again; only what changed is embedded."""
        return await self._transport.send(RunStarted, "POST", f"/v1/sources/{source_id}/sync")

    async def pages(
        self,
        source_id: UUID,
        *,
        status: JobStatus | Literal["held"] | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[CrawledPage]:
        """The coverage ledger: every URL that a crawl saw; ``held``: those that wait for a decision."""
        params = {"status": status, "limit": limit, "offset": offset}
        return await self._transport.get(Page[CrawledPage], f"/v1/sources/{source_id}/pages", params)

    async def columns(self, source_id: UUID) -> Columns:
        """The unique columns of a table file."""
        return await self._transport.get(Columns, f"/v1/sources/{source_id}/columns")


def _changes(name: str | None, group_id: UUID | None, crawl: CrawlOptions | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if name is not None:
        body["name"] = name
    if group_id is not None:
        body["group_id"] = str(group_id)
    if crawl is not None:
        body["crawl"] = crawl.model_dump(mode="json", exclude_none=True)
    return body
