"""The tools: each is a request of the HTTP API in another form, answered by the same handler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from gateway.http.mcp import models, texts
from gateway.http.models.common import MAX_OFFSET, NoBody, NoQuery
from gateway.http.models.documents import ChunksQuery, DocumentsQuery
from gateway.http.models.search import SearchFilters, SearchInput
from gateway.http.models.sources import SourcesQuery
from gateway.http.route import Call
from gateway.usecases.search import MAX_OFFSET as MAX_HIT_OFFSET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.http.handlers.documents import DocumentHandlers
    from gateway.http.handlers.search import SearchHandlers
    from gateway.http.handlers.sources import SourceHandlers
    from gateway.http.models.common import Page

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)

AnyCall = Call[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A, R]):
    """Something that an assistant can do.

    Attributes:
        name: stable, for programs.
        title: for people.
        description: tells an assistant when and how to use it.
        arguments: the model of what it takes.
        result: the model of what it answers.
        run: does it, for the caller of the call.
        text: the answer as text.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[R]
    run: Callable[[AnyCall, A], Awaitable[R]]
    text: Callable[[R], str]


AnyTool = Tool[Any, Any]


class Tools:
    """What the tools do."""

    def __init__(
        self, *, search: SearchHandlers, sources: SourceHandlers, documents: DocumentHandlers
    ) -> None:
        self._search = search
        self._sources = sources
        self._documents = documents

    async def search(self, call: AnyCall, given: models.SearchArguments) -> models.Passages:
        """As POST /v1/search."""
        asked = given.model_dump(include={"query", "limit", "offset", "neighbours", "mode"})
        filters = SearchFilters(
            **given.model_dump(include=set(SearchFilters.model_fields), exclude_none=True)
        )
        found = await self._search.search(_call(call, NoQuery(), SearchInput(**asked, filters=filters)))
        items = [models.Passage.model_validate(item) for item in found.items]
        following = given.offset + len(items)
        more = found.more and items and following <= MAX_HIT_OFFSET
        return models.Passages(items=items, next_offset=following if more else None)

    async def list_sources(self, call: AnyCall, given: models.ListSourcesArguments) -> models.KnownSources:
        """As GET /v1/sources."""
        found = await self._sources.find(_call(call, SourcesQuery(**given.model_dump()), NoBody()))
        items = [models.KnownSource.model_validate(item) for item in found.items]
        return models.KnownSources(items=items, total=found.total, next_offset=_next(found))

    async def list_documents(
        self, call: AnyCall, given: models.ListDocumentsArguments
    ) -> models.KnownDocuments:
        """As GET /v1/documents."""
        found = await self._documents.find(_call(call, DocumentsQuery(**given.model_dump()), NoBody()))
        items = [models.KnownDocument.model_validate(item) for item in found.items]
        return models.KnownDocuments(items=items, total=found.total, next_offset=_next(found))

    async def read_document(self, call: AnyCall, given: models.ReadDocumentArguments) -> models.DocumentPart:
        """As GET /v1/documents/{id} and GET /v1/documents/{id}/chunks."""
        ids = {"document_id": given.document_id}
        shown = await self._documents.get(replace(_call(call, NoQuery(), NoBody()), ids=ids))
        query = ChunksQuery(after=given.offset - 1, limit=given.limit)
        found = await self._documents.chunks(replace(_call(call, query, NoBody()), ids=ids))
        following = found.items[-1].ordinal + 1 if len(found.items) == given.limit else found.total
        return models.DocumentPart(
            document_id=shown.id,
            source_id=shown.source_id,
            version_id=shown.active_version_id,
            title=shown.title,
            url=shown.url,
            status=shown.status,
            items=[models.Piece.model_validate(item) for item in found.items],
            total=found.total,
            next_offset=following if following < found.total else None,
        )


def table(tools: Tools) -> tuple[AnyTool, ...]:
    """All tools."""
    return (
        Tool(
            name="search",
            title="Search the team's knowledge",
            description="Finds passages in the documents that this team keeps: crawled web sites, manuals, uploaded files"
            " and tables. Use it first for any question that they may answer, before answering from memory. Each passage"
            " comes with title, URL and headings, to be cited, and with document_id and ordinal, with which read_document"
            " shows what stands around it. No passages means that there is no evidence: say so instead of guessing.",
            arguments=models.SearchArguments,
            result=models.Passages,
            run=tools.search,
            text=texts.passages,
        ),
        Tool(
            name="list_sources",
            title="List sources",
            description="Lists the web sites and files that can be searched, newest first, with their ids. Use it to see"
            " what there is, or to find the source_id with which search and list_documents look in one source only.",
            arguments=models.ListSourcesArguments,
            result=models.KnownSources,
            run=tools.list_sources,
            text=texts.sources,
        ),
        Tool(
            name="list_documents",
            title="List documents",
            description="Lists documents (the pages of a web site, or files), newest first, with their ids. Use it to find"
            " a document by a part of its title or URL; to find one by what it says, use search.",
            arguments=models.ListDocumentsArguments,
            result=models.KnownDocuments,
            run=tools.list_documents,
            text=texts.documents,
        ),
        Tool(
            name="read_document",
            title="Read a document",
            description="Reads a document in pieces, in reading order. To read around a hit of search, set offset a little"
            " below the hit's ordinal and limit to some pieces; to read on, use next_offset. Large documents have thousands"
            " of pieces: search within them (document_ids) rather than read them whole.",
            arguments=models.ReadDocumentArguments,
            result=models.DocumentPart,
            run=tools.read_document,
            text=texts.part,
        ),
    )


def _call(call: AnyCall, query: BaseModel, body: BaseModel) -> AnyCall:
    return replace(call, query=query, body=body)


def _next(found: Page[Any]) -> int | None:
    following = found.offset + len(found.items)
    more = found.items and following < found.total and following <= MAX_OFFSET
    return following if more else None
