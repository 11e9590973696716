"""Shapes of documents, groups and searches."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

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


class Summary(Model):
    """What a summarizer made of a document: of its own sentences (``extractive``), or written by a ``model``."""

    text: str
    method: Literal["extractive", "model"]
    model: str | None
    version_id: UUID
    is_current: bool
    created_at: datetime


class DocumentDetail(Document):
    """A document with its versions, newest first."""

    versions: list[Version]
    summary: Summary | None = None


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


class Preferences(Model):
    """What of the rows of a group's tables is embedded, and what stands above each of them."""

    columns: list[str]
    context_columns: list[str]


class SearchFilters(BaseModel):
    """Where to look; all that are given must fit. Languages are ISO 639-1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_ids: list[UUID] | None = None
    group_ids: list[UUID] | None = None
    document_ids: list[UUID] | None = None
    types: list[str] | None = None
    languages: list[str] | None = None


class Highlight(Model):
    """A word of the question in a hit: ``hit.text[start:end]``."""

    start: int
    end: int


class Duplicate(Model):
    """A chunk of another document that says the same as a hit."""

    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    url: str | None
    title: str


class Neighbours(Model):
    """What stands before and after a hit, in reading order."""

    before: list[Chunk]
    after: list[Chunk]


class Hit(Model):
    """A chunk that was found; scores compare within one answer only.

    Attributes:
        neighbours: None where they were not asked for, or could not be read in time.
    """

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
    highlights: list[Highlight] = Field(default_factory=list)
    duplicates: list[Duplicate] = Field(default_factory=list)
    neighbours: Neighbours | None = None


class SearchAnswer(Model):
    """Hits, best first; none where there is no evidence.

    Attributes:
        more: False where nothing follows these hits.
    """

    items: list[Hit]
    more: bool = False
    took_ms: float
