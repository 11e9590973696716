"""Shapes of documents."""

from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

from pydantic import Field

from gateway.http.models.common import Input, Number, Output, Page, PageQuery, SearchedText, Time

if TYPE_CHECKING:
    from shared.postgres.reads.records import DocumentRow, VersionRow

DocumentStatus = Literal["active", "pending", "failed", "retired"]
_MAX_ORDINAL = 2**31 - 1


class DocumentsQuery(PageQuery):
    """Which documents; retired ones only when asked for."""

    source_id: UUID | None = None
    group_id: UUID | None = None
    status: DocumentStatus | None = None
    q: SearchedText | None = Field(None, description="A part of the title, URL or source URI.")


class ChunksQuery(PageQuery):
    """Which chunks of a document."""

    after: Number = Field(-1, ge=-1, le=_MAX_ORDINAL, description="Only chunks behind this ordinal.")


class ActivateVersion(Input):
    """The version that shall be served again."""

    version_id: UUID


class Document(Output):
    """What a user thinks of as one document."""

    id: UUID
    source_id: UUID
    source_uri: str
    title: str
    url: str | None
    content_type: str | None
    language: str | None
    status: DocumentStatus
    active_version_id: UUID | None
    chunks: int
    created_at: Time
    updated_at: Time


class DocumentList(Page[Document]):
    """Documents, newest first."""


class Version(Output):
    """A version of a document that is or was served."""

    id: UUID
    version_label: str | None
    content_hash: str
    is_active: bool
    chunks: int
    created_at: Time


class DocumentDetail(Document):
    """A document with its versions, newest first."""

    versions: list[Version]

    @classmethod
    def of(cls, row: "DocumentRow", versions: "list[VersionRow]") -> Self:
        """From rows."""
        base = Document.model_validate(row)
        return cls(
            **{name: getattr(base, name) for name in Document.model_fields},
            versions=[Version.model_validate(version) for version in versions],
        )


class Chunk(Output):
    """A piece of a document."""

    chunk_id: UUID
    ordinal: int
    text: str
    heading_path: list[str]
    page: int | None
    row: int | None


class ChunkList(Page[Chunk]):
    """Chunks of the active version, in reading order."""
