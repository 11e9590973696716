"""Every list of the API as the gateway reads it, on a database that ``many_rows`` has filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.postgres.reads.documents import DocumentFilter, DocumentReads
from shared.postgres.reads.jobs import JobFilter, JobReads
from shared.postgres.reads.records import Slice
from shared.postgres.reads.sources import SourceFilter, SourceReads
from support.many_rows import TENANT, key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.postgres.database import Database

RUNS: Final = ("crawler", "upload", "activate")
FIRST: Final = Slice(limit=50, offset=0)
LAST: Final = Slice(limit=500, offset=10_000)
"""The furthest page that the contract allows."""


@dataclass(frozen=True, slots=True)
class Readers:
    """What lists are read by."""

    jobs: JobReads
    sources: SourceReads
    documents: DocumentReads

    @classmethod
    def of(cls, database: Database) -> Readers:
        """All of them for one database."""
        return cls(
            JobReads(database=database), SourceReads(database=database), DocumentReads(database=database)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask for a list.

    Attributes:
        path: what a client asks for.
        read: how the gateway reads it.
        scans: the list is searched by a part of a text: every row of the tenant is looked at.
    """

    path: str
    read: Callable[[Readers, Slice], Awaitable[Any]]
    scans: bool = False


SITE: Final = key(3, 2)
CRAWL: Final = key(5, 3)
GROUP: Final = key(1, 1)
UPLOAD: Final = key(4, 2)


def _jobs(path: str, **wanted: Any) -> Asked:
    return Asked(path, lambda on, part: on.jobs.find(TENANT, JobFilter(**wanted), part))


def _sources(path: str, *, scans: bool = False, **wanted: Any) -> Asked:
    return Asked(path, lambda on, part: on.sources.find(TENANT, SourceFilter(**wanted), part), scans)


def _documents(path: str, *, scans: bool = False, **wanted: Any) -> Asked:
    return Asked(path, lambda on, part: on.documents.find(TENANT, DocumentFilter(**wanted), part), scans)


def _failed(path: str, handler: str | None = None, code: str | None = None) -> Asked:
    return Asked(path, lambda on, part: on.jobs.failed(TENANT, handler, code, part))


LISTS: Final = (
    _jobs("/v1/ingestion-runs", types=RUNS),
    _jobs("/v1/ingestion-runs?status=failed", types=RUNS, status="failed"),
    _jobs("/v1/ingestion-runs?status=running", types=RUNS, status="running"),
    _jobs("/v1/ingestion-runs?source_id", types=RUNS, source_id=SITE),
    _jobs("/v1/jobs"),
    _jobs("/v1/jobs?type=crawler", types=["crawler"]),
    _jobs("/v1/jobs?type=cleanup", types=["cleanup"]),
    _jobs("/v1/jobs?status=cancelled", status="cancelled"),
    _jobs("/v1/jobs?parent_id", parent_id=CRAWL),
    _jobs("/v1/jobs?parent_id&status=failed", parent_id=CRAWL, status="failed"),
    _failed("/v1/jobs/failed"),
    _failed("/v1/jobs/failed?handler=web", "web"),
    _failed("/v1/jobs/failed?error_code", None, "corrupt_file"),
    Asked("/v1/jobs/{id}/logs", lambda on, part: on.jobs.logs(TENANT, UPLOAD, ["info", "error"], 0, part)),
    _sources("/v1/sources"),
    _sources("/v1/sources?type=web", type="web"),
    _sources("/v1/sources?group_id", group_id=GROUP),
    _sources("/v1/sources?status=idle", status="idle"),
    _sources("/v1/sources?status=queued", status="queued"),
    _sources("/v1/sources?status=ingesting", status="ingesting"),
    _sources("/v1/sources?status=failed", status="failed"),
    _sources("/v1/sources?status=deleting", status="deleting"),
    _sources("/v1/sources?q", text="file 12", scans=True),
    Asked("/v1/sources/{id}/pages", lambda on, part: on.sources.pages(TENANT, SITE, None, part)),
    Asked(
        "/v1/sources/{id}/pages?status=failed",
        lambda on, part: on.sources.pages(TENANT, SITE, "failed", part),
    ),
    _documents("/v1/documents"),
    _documents("/v1/documents?status=failed", status="failed"),
    _documents("/v1/documents?status=retired", status="retired"),
    _documents("/v1/documents?source_id", source_id=SITE),
    _documents("/v1/documents?group_id", group_id=GROUP),
    _documents("/v1/documents?q", text="File 12", scans=True),
)
