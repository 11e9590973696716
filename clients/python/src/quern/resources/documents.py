"""Documents and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.models.common import Page
from quern.models.documents import Chunk, Document, DocumentDetail, Group
from quern.models.jobs import RunStarted
from quern.paging import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from quern.models.documents import DocumentStatus
    from quern.transport import Transport


class Documents:
    """``/v1/documents``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        source_id: UUID | None = None,
        group_id: UUID | None = None,
        status: DocumentStatus | None = None,
        q: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Document]:
        """Documents, newest first; retired ones only when asked for."""
        params = {
            "source_id": source_id,
            "group_id": group_id,
            "status": status,
            "q": q,
            "limit": limit,
            "offset": offset,
        }
        return await self._transport.get(Page[Document], "/v1/documents", params)

    async def get(self, document_id: UUID) -> DocumentDetail:
        """One document with its versions."""
        return await self._transport.get(DocumentDetail, f"/v1/documents/{document_id}")

    async def content(self, document_id: UUID) -> str:
        """Markdown of the active version."""
        return await self._transport.get_text(f"/v1/documents/{document_id}/content")

    async def chunks(
        self, document_id: UUID, *, after: int | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Chunk]:
        """Chunks of the active version behind the ordinal ``after``, in reading order."""
        params = {"after": after, "limit": limit, "offset": offset}
        return await self._transport.get(Page[Chunk], f"/v1/documents/{document_id}/chunks", params)

    async def activate(self, document_id: UUID, version_id: UUID) -> RunStarted:
        """Serve an earlier kept version again."""
        path, body = f"/v1/documents/{document_id}/activate", {"version_id": str(version_id)}
        return await self._transport.send(RunStarted, "POST", path, body=body)


class Groups:
    """``/v1/groups``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, limit: int = 50, offset: int = 0) -> Page[Group]:
        """Groups, newest first."""
        return await self._transport.get(Page[Group], "/v1/groups", {"limit": limit, "offset": offset})

    def walk(self) -> AsyncIterator[Group]:
        """All groups."""
        return walk(lambda limit, offset: self.list(limit=limit, offset=offset))

    async def get(self, group_id: UUID) -> Group:
        """One group."""
        return await self._transport.get(Group, f"/v1/groups/{group_id}")

    async def add(self, name: str) -> Group:
        """Make a group."""
        return await self._transport.send(Group, "POST", "/v1/groups", body={"name": name})

    async def rename(self, group_id: UUID, name: str) -> Group:
        """Give it another name."""
        return await self._transport.send(Group, "PATCH", f"/v1/groups/{group_id}", body={"name": name})

    async def delete(self, group_id: UUID) -> None:
        """Remove an empty group."""
        await self._transport.send_empty("DELETE", f"/v1/groups/{group_id}")
