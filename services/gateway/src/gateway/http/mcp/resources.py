"""Documents as resources: what a person attaches to a conversation, where tools are what an assistant calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from gateway.http.mcp.models import MAX_ITEMS
from gateway.http.models.common import MAX_OFFSET, NoBody, NoQuery
from gateway.http.models.documents import DocumentsQuery
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.http.handlers.documents import DocumentHandlers
    from gateway.http.mcp.tools import AnyCall
    from gateway.http.models.documents import Document

MEDIA_TYPE: Final = "text/markdown"
TEMPLATE: Final = "quern://documents/{document_id}"
MOST_CHARACTERS: Final = 200_000
"""A longer document would fill a conversation; it can be read in pieces by the tool."""

_URI: Final = re.compile(r"quern://documents/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class TooLongError(Exception):
    """The document is longer than a resource may be."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Some documents, and the cursor of the next ones."""

    documents: Sequence[Document]
    cursor: str | None


class Resources:
    """Documents that are served."""

    def __init__(self, *, documents: DocumentHandlers) -> None:
        self._documents = documents

    async def find(self, call: AnyCall, cursor: str | None) -> Listed:
        """Documents, newest first.

        Raises:
            ValueError: the cursor was not made here.
        """
        offset = _offset(cursor)
        query = DocumentsQuery(status="active", limit=MAX_ITEMS, offset=offset)
        found = await self._documents.find(replace(call, query=query, body=NoBody()))
        following = offset + len(found.items)
        more = found.items and following < found.total and following <= MAX_OFFSET
        return Listed(found.items, str(following) if more else None)

    async def read(self, call: AnyCall, uri: str) -> str:
        """The Markdown of a document.

        Raises:
            NotFoundError: there is no such document, or nothing of it is served.
            TooLongError: it is to be read in pieces.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise NotFoundError("resource")
        ids = {"document_id": UUID(match[1])}
        answer = await self._documents.content(replace(call, query=NoQuery(), body=NoBody(), ids=ids))
        text = answer.text or ""
        if len(text) > MOST_CHARACTERS:
            raise TooLongError(
                f"The document has {len(text)} characters: read it in pieces with the tool read_document."
            )
        return text


def uri_of(document: Document) -> str:
    """The name of a document among the resources."""
    return TEMPLATE.replace("{document_id}", str(document.id))


def _offset(cursor: str | None) -> int:
    offset = int(cursor or "0")
    if not 0 <= offset <= MAX_OFFSET:
        raise ValueError(cursor)
    return offset
