"""Documents: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.http.models.documents import ChunkList, DocumentDetail, DocumentList
from gateway.http.models.sources import RunStarted
from gateway.http.paging import page, wanted
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.documents import DocumentFilter

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.models.documents import ActivateVersion, ChunksQuery, DocumentsQuery
    from gateway.http.route import Call
    from gateway.ports import Announcer, DocumentReader, Intake


class DocumentHandlers:
    """Everything below /v1/documents."""

    def __init__(self, *, reader: DocumentReader, intake: Intake, announcer: Announcer) -> None:
        self._reader = reader
        self._intake = intake
        self._announcer = announcer

    async def find(self, call: Call[DocumentsQuery, NoBody]) -> DocumentList:
        """GET /v1/documents."""
        query = call.query
        chosen = DocumentFilter(
            source_id=query.source_id, group_id=query.group_id, status=query.status, text=query.q
        )
        found = await self._reader.find(call.caller.tenant_id, chosen, wanted(query))
        return page(DocumentList, query, found.items, found.total)

    async def get(self, call: Call[NoQuery, NoBody]) -> DocumentDetail:
        """GET /v1/documents/{id}."""
        found = await self._reader.get(call.caller.tenant_id, call.ids["document_id"])
        if found is None:
            raise NotFoundError("document")
        return DocumentDetail.of(*found)

    async def content(self, call: Call[NoQuery, NoBody]) -> web.Response:
        """GET /v1/documents/{id}/content."""
        markdown = await self._reader.content(call.caller.tenant_id, call.ids["document_id"])
        if markdown is None:
            raise NotFoundError("document with an active version")
        return web.Response(text=markdown, content_type="text/markdown", charset="utf-8")

    async def chunks(self, call: Call[ChunksQuery, NoBody]) -> ChunkList:
        """GET /v1/documents/{id}/chunks."""
        found = await self._reader.chunks(
            call.caller.tenant_id, call.ids["document_id"], call.query.after, wanted(call.query)
        )
        if found is None:
            raise NotFoundError("document")
        return page(ChunkList, call.query, found.items, found.total)

    async def activate(self, call: Call[NoQuery, ActivateVersion]) -> RunStarted:
        """POST /v1/documents/{id}/activate."""
        run_id = await self._intake.activate(
            caller=call.caller, document_id=call.ids["document_id"], version_id=call.body.version_id
        )
        self._announcer.announce()
        return RunStarted(run_id=run_id)
