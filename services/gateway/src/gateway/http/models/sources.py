"""Shapes of sources and of what is said about crawling them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from gateway.core.sources import SourceStatus, crawl_settings, status_of
from gateway.http.models.common import (
    Input,
    Name,
    Output,
    Page,
    PageQuery,
    Parameters,
    SearchedText,
    Storable,
    Text,
    Time,
)
from gateway.http.models.jobs import Run
from shared.states import JobStatus

if TYPE_CHECKING:
    from shared.postgres.reads.records import SourceRow

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500), Storable]
SourceType = Literal["web", "upload"]
PageStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "skipped", "held"]
"""A job's, or held: a page that seems to be gone and is kept until somebody decides."""


class CrawlOptions(Input):
    """How a site is crawled."""

    max_depth: int = Field(
        2, ge=0, le=100, description="Links from the seed page, which has depth 0; inclusive."
    )
    max_pages: int = Field(1000, ge=1, le=100_000, description="Pages in one run at most.")
    include: list[Pattern] = Field(
        default_factory=list, max_length=50, description="Regular expressions; a URL must match one of them."
    )
    exclude: list[Pattern] = Field(
        default_factory=list, max_length=50, description="Regular expressions; a URL must match none of them."
    )
    same_host: bool = Field(default=True, description="Stay on the seed's host.")
    path_prefix: Annotated[str, StringConstraints(pattern=r"^/", max_length=2048), Storable] | None = Field(
        None, description="Stay below this path."
    )
    respect_robots: bool = True
    use_sitemap: bool = True
    use_llms_txt: bool = True
    render: Literal["never"] = Field("never", description="Pages are taken as they are served.")
    headers: dict[Text, Text] | None = Field(
        None,
        max_length=20,
        description="Sent to the seed's origin with each request. Values are secrets: no answer shows them.",
    )
    delay_ms: int | None = Field(
        None, ge=0, le=600_000, description="Milliseconds between two requests to a host."
    )


class SourceInput(Input):
    """What is to be crawled."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "web", "url": "https://docs.example.org/guide/", "crawl": {"max_depth": 3}},
            ]
        }
    )

    type: Literal["web"]
    url: Text = Field(min_length=1, max_length=4096)
    name: Name | None = None
    group_id: UUID | None = None
    crawl: CrawlOptions = Field(default_factory=CrawlOptions)


class SourcePatch(Input):
    """What is to change of a source; what is left out stays as it is, inside ``crawl`` too."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Handbook", "crawl": {"max_depth": 4}}]}
    )

    name: Name | SkipJsonSchema[None] = None
    group_id: UUID | SkipJsonSchema[None] = None
    crawl: CrawlOptions | SkipJsonSchema[None] = None

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name in ("name", "group_id", "crawl"):
                if name in value and value[name] is None:
                    raise ValueError(f"{name} cannot be null; leave it out to keep it")
        return value


class SourcesQuery(PageQuery):
    """Which sources."""

    type: SourceType | None = None
    status: SourceStatus | None = None
    group_id: UUID | None = None
    q: SearchedText | None = Field(None, description="A part of the name, URL or file name.")


class PagesQuery(PageQuery):
    """Which pages of a source."""

    status: PageStatus | None = Field(
        None, description="held: pages that seem to be gone and are kept until somebody decides."
    )


class DeleteQuery(Parameters):
    """How a source is deleted."""

    force: bool = Field(default=False, description="Cancel active runs first.")


class LastRun(Output):
    """The latest run of a source."""

    id: UUID
    status: JobStatus
    finished_at: Time | None


class CrawlSettings(Output):
    """How a site is crawled; values of headers are masked."""

    max_depth: int | None = None
    max_pages: int | None = None
    include: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    same_host: bool | None = None
    path_prefix: str | None = None
    respect_robots: bool | None = None
    use_sitemap: bool | None = None
    use_llms_txt: bool | None = None
    render: str = "never"
    headers: dict[str, str] = Field(default_factory=dict)
    delay_ms: int | None = None


class Source(Output):
    """What Quern was pointed at."""

    id: UUID
    type: SourceType
    name: str
    url: str | None
    file_name: str | None
    group_id: UUID
    status: SourceStatus
    schedule: str | None = Field(description="Always null: nothing is crawled on a schedule yet.")
    crawl: CrawlSettings | None
    documents: int = Field(description="Documents that are served.")
    chunks: int = Field(description="Chunks that are served.")
    last_run: LastRun | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: "SourceRow") -> Self:
        """From a row."""
        last = None
        if row.last_run_id is not None and row.last_run_status is not None:
            last = LastRun(
                id=row.last_run_id,
                status=JobStatus(row.last_run_status),
                finished_at=row.last_run_finished_at,
            )
        values: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
        settings = crawl_settings(row)
        crawl = None if settings is None else CrawlSettings.model_validate(settings)
        return cls(**values, status=status_of(row), crawl=crawl, last_run=last)


_SAME = (
    "id",
    "type",
    "name",
    "url",
    "file_name",
    "group_id",
    "schedule",
    "documents",
    "chunks",
    "created_at",
    "updated_at",
)


class SourceList(Page[Source]):
    """Sources, newest first."""


class SourceAdded(Output):
    """A source with its first run."""

    source: Source
    run: Run


class SourceDeleting(Output):
    """A source that is hidden from now on and being removed."""

    id: UUID
    status: Literal["deleting"] = "deleting"


class RunStarted(Output):
    """A run that was accepted."""

    run_id: UUID


class CrawledPage(Output):
    """One URL of a crawl, and what became of it."""

    url: str
    status: JobStatus
    reason: str | None
    depth: int
    http_status: int | None
    content_hash: str | None
    document_id: UUID | None
    fetched_at: Time | None


class CrawledPageList(Page[CrawledPage]):
    """The coverage ledger of a source, last fetched first."""


class Column(Output):
    """A column of a table."""

    name: str
    type: str


class Columns(Output):
    """The unique columns of a table file; none for other sources."""

    columns: list[Column]
