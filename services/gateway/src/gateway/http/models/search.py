"""Shapes of a search."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from gateway.http.models.common import Input, Output, Storable

Ids = Annotated[list[UUID], Field(min_length=1, max_length=500)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]


class SearchFilters(Input):
    """Where to look; all that are given must fit."""

    source_ids: Ids | None = None
    group_ids: Ids | None = None
    document_ids: Ids | None = None
    types: Annotated[list[Literal["web", "upload"]], Field(min_length=1, max_length=2)] | None = None
    languages: Annotated[list[Language], Field(min_length=1, max_length=50)] | None = Field(
        None, description="ISO 639-1."
    )


class SearchInput(Input):
    """What is looked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "How do I install it?", "limit": 5}]})

    query: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), Storable]
    limit: int = Field(10, ge=1, le=50)
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    alpha: float = Field(
        0.35, ge=0, le=1, description="Of a hybrid search: 0 is keyword alone, 1 vector alone."
    )
    filters: SearchFilters | None = None


class Hit(Output):
    """A chunk that was found."""

    chunk_id: UUID
    text: str
    score: float = Field(description="Higher is better; comparable within one answer only.")
    title: str
    url: str | None
    heading_path: list[str]
    source_id: UUID
    document_id: UUID
    version_id: UUID
    ordinal: int


class SearchAnswer(Output):
    """Hits, best first; none where there is no evidence."""

    items: list[Hit]
    took_ms: int
