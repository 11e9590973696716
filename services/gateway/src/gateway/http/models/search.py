"""Shapes of a search."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from gateway.http.models.common import Input, Output, Stripped, Whole
from gateway.http.models.documents import Chunk
from gateway.usecases.search import MAX_OFFSET
from shared.vectors.port import DEFAULT_ALPHA

_ANSWER: Final[JsonDict] = {
    "items": [
        {
            "chunk_id": "5f0c8a5e-9d0e-5b0e-8a55-0c1f3d4b7a10",
            "text": "Install the package, then start the service.",
            "score": 0.93,
            "title": "Installation",
            "url": "https://docs.example.org/install",
            "heading_path": ["Installation", "On Linux"],
            "source_id": "01930000-0000-7000-8000-000000000001",
            "document_id": "01930000-0000-7000-8000-000000000002",
            "version_id": "01930000-0000-7000-8000-000000000003",
            "ordinal": 4,
            "highlights": [{"start": 0, "end": 7}],
            "duplicates": [],
            "neighbours": None,
        }
    ],
    "more": True,
    "took_ms": 11,
}

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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "How do I install it?", "limit": 5},
                {
                    "query": "QUERN_HTTP_PORT",
                    "mode": "keyword",
                    "offset": 10,
                    "neighbours": 1,
                    "filters": {"types": ["web"], "languages": ["en"]},
                },
            ]
        }
    )

    query: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), Stripped]
    limit: Whole = Field(10, ge=1, le=50)
    offset: Whole = Field(0, ge=0, le=MAX_OFFSET, description="Best hits that are passed over.")
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    alpha: float = Field(
        DEFAULT_ALPHA, ge=0, le=1, description="Of a hybrid search: 0 is keyword alone, 1 vector alone."
    )
    filters: SearchFilters | None = None
    neighbours: Whole = Field(
        0, ge=0, le=3, description="Chunks before and after each hit, of the same version, that come with it."
    )


class Highlight(Output):
    """A word of the question in the text: ``text[start:end]``, counted in Unicode code points."""

    start: int
    end: int


class Duplicate(Output):
    """A chunk of another document that says the same."""

    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    url: str | None
    title: str


class Neighbours(Output):
    """What stands before and after a hit, in reading order."""

    before: list[Chunk]
    after: list[Chunk]


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
    highlights: list[Highlight] = Field(
        description="In order. The text is text, not HTML: escape it, then mark these."
    )
    duplicates: list[Duplicate] = Field(
        description="Equal or nearly equal chunks of other documents, which are no hits of their own."
    )
    neighbours: Neighbours | None = Field(
        description="Null where they were not asked for, or could not be read in time."
    )


class SearchAnswer(Output):
    """Hits, best first; none where there is no evidence."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    items: list[Hit]
    more: bool = Field(description="False: nothing follows these hits.")
    took_ms: int
