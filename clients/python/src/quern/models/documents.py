"""Shapes of documents, groups and searches."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from quern.models.common import Model

DocumentStatus = Literal["active", "pending", "failed", "retired"]
SearchMode = Literal["hybrid", "vector", "keyword"]


class Document(Model):
    """A page, or a file."""

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
    created_at: datetime
    updated_at: datetime


class Version(Model):
    """A version of a document that is or was served."""

    id: UUID
    version_label: str | None
    content_hash: str
    is_active: bool
    chunks: int
    created_at: datetime


class DocumentDetail(Document):
    """A document with its versions, newest first."""

    versions: list[Version]


class Chunk(Model):
    """A piece of a document, in reading order by ``ordinal``."""

    chunk_id: UUID
    ordinal: int
    text: str
    heading_path: list[str]
    page: int | None = None
    row: int | None = None


class Group(Model):
    """A group of sources."""

    id: UUID
    name: str
    sources: int
    created_at: datetime


class SearchFilters(BaseModel):
    """Where to look; all that are given must fit. Languages are ISO 639-1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_ids: list[UUID] | None = None
    group_ids: list[UUID] | None = None
    document_ids: list[UUID] | None = None
    types: list[str] | None = None
    languages: list[str] | None = None


class Hit(Model):
    """A chunk that was found; scores compare within one answer only."""

    chunk_id: UUID
    text: str
    score: float
    title: str
    url: str | None
    heading_path: list[str]
    source_id: UUID
    document_id: UUID
    version_id: UUID
    ordinal: int


class SearchAnswer(Model):
    """Hits, best first; none where there is no evidence."""

    items: list[Hit]
    took_ms: float
