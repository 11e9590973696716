"""What assistants send and get: the shapes of the HTTP API, with less in them and smaller parts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.core.sources import SourceStatus
from gateway.http.models.common import MAX_OFFSET, Input, Output, SearchedText, Storable, Time
from gateway.http.models.documents import DocumentStatus
from gateway.http.models.search import Duplicate, Ids, Language, Neighbours
from gateway.http.models.sources import SourceType
from gateway.usecases.search import MAX_OFFSET as MAX_HIT_OFFSET

DEFAULT_ITEMS = 20
MAX_ITEMS = 100
DEFAULT_PIECES = 20
MAX_PIECES = 50
_MAX_ORDINAL = 2**31 - 2

Narrowed = "Leave it out to look everywhere."


class SearchArguments(Input):
    """What is looked for, and where."""

    query: Annotated[
        str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), Storable
    ] = Field(
        description="What to look for: a question in plain words, or the exact names, codes and terms that the text"
        " should hold."
    )
    limit: int = Field(10, ge=1, le=50, description="How many passages at most.")
    offset: int = Field(
        0,
        ge=0,
        le=MAX_HIT_OFFSET,
        description="How many of the best to pass over: the next_offset of an earlier answer.",
    )
    neighbours: int = Field(
        0,
        ge=0,
        le=3,
        description="How many pieces before and after each passage come with it, where passages alone say too little.",
    )
    mode: Literal["hybrid", "vector", "keyword"] = Field(
        "hybrid",
        description="hybrid is right for most questions; keyword finds exact words such as identifiers and error"
        " messages; vector finds what means the same in other words.",
    )
    source_ids: Ids | None = Field(
        None, description=f"Only in these sources (ids of list_sources). {Narrowed}"
    )
    document_ids: Ids | None = Field(
        None, description=f"Only in these documents (ids of list_documents or of earlier hits). {Narrowed}"
    )
    group_ids: Ids | None = Field(
        None, description=f"Only in sources of these groups (group_id of list_sources). {Narrowed}"
    )
    types: Annotated[list[SourceType], Field(min_length=1, max_length=2)] | None = Field(
        None, description=f"web: crawled pages; upload: files. {Narrowed}"
    )
    languages: Annotated[list[Language], Field(min_length=1, max_length=50)] | None = Field(
        None, description=f"Languages of documents, ISO 639-1, such as en or de. {Narrowed}"
    )


class _ListArguments(Input):
    limit: int = Field(DEFAULT_ITEMS, ge=1, le=MAX_ITEMS, description="How many at most.")
    offset: int = Field(
        0,
        ge=0,
        le=MAX_OFFSET,
        description="How many to leave out first: the next_offset of an earlier answer.",
    )


class ListSourcesArguments(_ListArguments):
    """Which sources."""

    q: SearchedText | None = Field(
        None, description="Only sources with this in their name, URL or file name."
    )
    type: SourceType | None = Field(None, description="web: crawled sites; upload: files.")
    status: SourceStatus | None = Field(None, description="Only sources that are doing this.")
    group_id: UUID | None = Field(None, description="Only sources of this group.")


class ListDocumentsArguments(_ListArguments):
    """Which documents."""

    q: SearchedText | None = Field(None, description="Only documents with this in their title or URL.")
    source_id: UUID | None = Field(None, description="Only documents of this source (an id of list_sources).")
    group_id: UUID | None = Field(None, description="Only documents of this group.")
    status: DocumentStatus | None = Field(
        None, description="Leave it out for all that are kept; retired ones are listed only when asked for."
    )


class ReadDocumentArguments(Input):
    """Which part of which document."""

    document_id: UUID = Field(description="Of a hit of search, or of list_documents.")
    offset: int = Field(
        0,
        ge=0,
        le=_MAX_ORDINAL,
        description="The piece to begin with. A hit's ordinal is the number of its piece: begin one or two before it to"
        " read around the hit, or take the next_offset of an earlier answer to go on.",
    )
    limit: int = Field(
        DEFAULT_PIECES,
        ge=1,
        le=MAX_PIECES,
        description="How many pieces at most; a piece is a paragraph or two.",
    )


class Passage(Output):
    """A piece of a document that was found."""

    text: str
    title: str
    url: str | None = Field(description="Null for an uploaded file.")
    heading_path: list[str] = Field(description="The headings that it stands under, outermost first.")
    document_id: UUID
    ordinal: int = Field(
        description="Its number among the pieces of the document: the offset of read_document."
    )
    source_id: UUID
    version_id: UUID
    chunk_id: UUID
    score: float = Field(description="Higher is better; comparable within one answer only.")
    duplicates: list[Duplicate] = Field(description="Other documents that say the same.")
    neighbours: Neighbours | None = Field(description="What stands before and after it, where asked for.")


class Passages(Output):
    """What was found, best first."""

    items: list[Passage] = Field(description="Best first; none where there is no evidence.")
    next_offset: int | None = Field(description="The offset to go on with; null at the end.")


class KnownSource(Output):
    """A web site or a file."""

    id: UUID
    type: SourceType
    name: str
    url: str | None
    file_name: str | None
    group_id: UUID
    status: SourceStatus
    documents: int = Field(description="Documents that can be searched and read.")
    updated_at: Time


class _Part(Output):
    total: int = Field(description="How many there are in all.")
    next_offset: int | None = Field(description="The offset to go on with; null at the end.")


class KnownSources(_Part):
    """A part of the list of sources, newest first."""

    items: list[KnownSource]


class KnownDocument(Output):
    """A page or a file."""

    id: UUID
    source_id: UUID
    title: str
    url: str | None
    language: str | None
    status: DocumentStatus
    chunks: int = Field(description="Pieces that it can be read in.")
    updated_at: Time


class KnownDocuments(_Part):
    """A part of the list of documents, newest first."""

    items: list[KnownDocument]


class Piece(Output):
    """A piece of a document."""

    ordinal: int
    heading_path: list[str] = Field(description="The headings that it stands under, outermost first.")
    text: str
    page: int | None = Field(description="Of a PDF: the page that it stands on.")
    row: int | None = Field(description="Of a table: the first row in it.")


class DocumentPart(_Part):
    """Some pieces of a document, in reading order."""

    document_id: UUID
    source_id: UUID
    version_id: UUID | None = Field(
        description="Changes when the document does: begin anew when it is not that of the earlier answer."
    )
    title: str
    url: str | None
    status: DocumentStatus
    items: list[Piece]
