"""Sources: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.jobs import Run
from gateway.http.models.sources import (
    Column,
    Columns,
    CrawledPageList,
    CrawlOptions,
    RunStarted,
    Source,
    SourceAdded,
    SourceDeleting,
    SourceList,
)
from gateway.http.paging import page, wanted
from gateway.usecases.sources import CrawlWish
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.sources import SourceFilter

if TYPE_CHECKING:
    from uuid import UUID

    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.models.sources import DeleteQuery, PagesQuery, SourceInput, SourcePatch, SourcesQuery
    from gateway.http.route import Call
    from gateway.ports import JobReader, SourceReader
    from gateway.usecases.sources import Sources
    from gateway.usecases.system import SystemView
    from shared.contracts.caller import Caller


class SourceHandlers:
    """Everything below /v1/sources."""

    def __init__(
        self, *, sources: Sources, reader: SourceReader, jobs: JobReader, system: SystemView
    ) -> None:
        self._sources = sources
        self._reader = reader
        self._jobs = jobs
        self._system = system

    async def find(self, call: Call[SourcesQuery, NoBody]) -> SourceList:
        """GET /v1/sources."""
        query = call.query
        found = await self._reader.find(
            call.caller.tenant_id,
            SourceFilter(type=query.type, status=query.status, group_id=query.group_id, text=query.q),
            wanted(query),
        )
        return page(SourceList, query, (Source.of(row) for row in found.items), found.total)

    async def add(self, call: Call[NoQuery, SourceInput]) -> SourceAdded:
        """POST /v1/sources."""
        body = call.body
        accepted = await self._sources.add(
            call.caller, url=body.url, name=body.name, group_id=body.group_id, wish=_wish(body.crawl)
        )
        run = await self._jobs.get(call.caller.tenant_id, accepted.run_id)
        if run is None:
            raise NotFoundError("run")
        return SourceAdded(
            source=await self._shown(call.caller, accepted.source_id), run=Run.of(run, self._system.down())
        )

    async def get(self, call: Call[NoQuery, NoBody]) -> Source:
        """GET /v1/sources/{id}."""
        return await self._shown(call.caller, call.ids["source_id"])

    async def change(self, call: Call[NoQuery, SourcePatch]) -> Source:
        """PATCH /v1/sources/{id}."""
        body, source_id = call.body, call.ids["source_id"]
        await self._sources.change(
            call.caller,
            source_id,
            name=body.name,
            group_id=body.group_id,
            wish=None if body.crawl is None else _wish(body.crawl, only_given=True),
        )
        return await self._shown(call.caller, source_id)

    async def remove(self, call: Call[DeleteQuery, NoBody]) -> SourceDeleting:
        """DELETE /v1/sources/{id}."""
        source_id = call.ids["source_id"]
        await self._sources.remove(call.caller, source_id, force=call.query.force)
        return SourceDeleting(id=source_id)

    async def sync(self, call: Call[NoQuery, NoBody]) -> RunStarted:
        """POST /v1/sources/{id}/sync."""
        return RunStarted(run_id=await self._sources.sync(call.caller, call.ids["source_id"]))

    async def pages(self, call: Call[PagesQuery, NoBody]) -> CrawledPageList:
        """GET /v1/sources/{id}/pages."""
        found = await self._reader.pages(
            call.caller.tenant_id, call.ids["source_id"], call.query.status, wanted(call.query)
        )
        if found is None:
            raise NotFoundError("source")
        return page(CrawledPageList, call.query, found.items, found.total)

    async def columns(self, call: Call[NoQuery, NoBody]) -> Columns:
        """GET /v1/sources/{id}/columns."""
        found = await self._reader.columns(call.caller.tenant_id, call.ids["source_id"])
        if found is None:
            raise NotFoundError("source")
        return Columns(columns=[Column(name=name, type=kind) for name, kind in found])

    async def _shown(self, caller: Caller, source_id: UUID) -> Source:
        row = await self._reader.get(caller.tenant_id, source_id)
        if row is None:
            raise NotFoundError("source")
        return Source.of(row)


def _wish(options: CrawlOptions, *, only_given: bool = False) -> CrawlWish:
    settings = options.model_dump(exclude={"headers"}, exclude_unset=only_given)
    return CrawlWish(settings=settings, headers=options.headers)


def default_settings() -> dict[str, object]:
    """How a site is crawled where nobody says anything."""
    return CrawlOptions().model_dump(exclude={"headers"})
