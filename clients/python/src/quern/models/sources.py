"""Shapes of sources and uploads."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from quern.models.common import JobStatus, Model
from quern.models.jobs import Run

SourceType = Literal["web", "upload"]


class SourceStatus(StrEnum):
    """What a source is doing."""

    IDLE = "idle"
    QUEUED = "queued"
    INGESTING = "ingesting"
    FAILED = "failed"
    DELETING = "deleting"


class CrawlOptions(BaseModel):
    """How a site is crawled. Only what is given is sent; the gateway has the defaults, or keeps what it has.

    Attributes:
        max_depth: links from the seed page, which has depth 0; inclusive.
        max_pages: pages in one run at most.
        include: regular expressions; a URL must match one of them.
        exclude: regular expressions; a URL must match none of them.
        headers: sent with each request to the seed's origin; values are secrets and never shown again.
        delay_ms: milliseconds between two requests to a host.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_depth: int | None = None
    max_pages: int | None = None
    include: list[str] | None = None
    exclude: list[str] | None = None
    same_host: bool | None = None
    path_prefix: str | None = None
    respect_robots: bool | None = None
    use_sitemap: bool | None = None
    use_llms_txt: bool | None = None
    headers: dict[str, str] | None = None
    delay_ms: int | None = None


class CrawlSettings(Model):
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


class LastRun(Model):
    """The latest run of a source."""

    id: UUID
    status: JobStatus
    finished_at: datetime | None


class Source(Model):
    """What Quern was pointed at; ``documents`` and ``chunks`` count what is served."""

    id: UUID
    type: str
    name: str
    url: str | None = None
    file_name: str | None = None
    group_id: UUID
    status: SourceStatus
    schedule: str | None
    crawl: CrawlSettings | None = None
    documents: int
    chunks: int
    last_run: LastRun | None
    created_at: datetime
    updated_at: datetime

    @property
    def address(self) -> str:
        """Its URL or file name: what a person knows it by."""
        return self.url or self.file_name or self.name


class SourceAdded(Model):
    """A source with its first run."""

    source: Source
    run: Run


class SourceDeleting(Model):
    """A source that is hidden from now on and being removed."""

    id: UUID
    status: Literal["deleting"]


class CrawledPage(Model):
    """One URL of a crawl, and what became of it."""

    url: str
    status: JobStatus
    reason: str | None
    depth: int
    http_status: int | None
    content_hash: str | None
    document_id: UUID | None
    fetched_at: datetime | None


class Column(Model):
    """A column of a table."""

    name: str
    type: str


class Columns(Model):
    """The unique columns of a table file; none for other sources."""

    columns: list[Column]


class UploadAccepted(Model):
    """A file that was taken in, or skipped as a duplicate of the document ``duplicate_of``."""

    run_id: UUID
    status: Literal["queued", "skipped"]
    source_id: UUID
    document_id: UUID
    reason: str | None = None
    duplicate_of: UUID | None = None
