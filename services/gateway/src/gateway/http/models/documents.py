"""Shapes of documents."""

from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

from pydantic import Field

from gateway.http.models.common import Input, Number, Output, Page, PageQuery, SearchedText, Time

if TYPE_CHECKING:
    from shared.postgres.reads.records import DocumentRow, SummaryRow, VersionRow

DocumentStatus = Literal["active", "pending", "failed", "retired"]
_MAX_ORDINAL = 2**31 - 1


class DocumentsQuery(PageQuery):
    """Which documents; retired ones only when asked for."""

    source_id: UUID | None = None
    group_id: UUID | None = None
    status: DocumentStatus | None = None
    q: SearchedText | None = Field(
        None, description="A part of the title, URL or source URI.", examples=["install"]
    )


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


class Summary(Output):
    """What a summarizer made of a document."""

    text: str
    method: Literal["extractive", "model"] = Field(
        description="extractive: sentences of the document itself. model: written by the endpoint that is set."
    )
    model: str | None
    version_id: UUID
    is_current: bool = Field(description="Whether it is of the version that is served.")
    created_at: Time


class DocumentDetail(Document):
    """A document with its versions, newest first."""

    versions: list[Version]
    summary: Summary | None = Field(description="The last one that a job of type summarizer made.")

    @classmethod
    def of(cls, row: "DocumentRow", versions: "list[VersionRow]", summary: "SummaryRow | None") -> Self:
        """From rows."""
        base = Document.model_validate(row)
        return cls(
            **{name: getattr(base, name) for name in Document.model_fields},
            versions=[Version.model_validate(version) for version in versions],
            summary=None if summary is None else _summary(row, summary),
        )


def _summary(row: "DocumentRow", summary: "SummaryRow") -> Summary:
    return Summary(
        text=summary.text,
        method="model" if summary.method == "model" else "extractive",
        model=summary.model,
        version_id=summary.version_id,
        is_current=summary.version_id == row.active_version_id,
        created_at=summary.created_at,
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
