"""Every path of the product: one table. What a handler does is in the module of the same name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.http.models import documents, groups, jobs, rebuilds, search, sources, system, uploads
from gateway.http.models.common import PageQuery
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.documents import DocumentHandlers
    from gateway.http.handlers.groups import GroupHandlers
    from gateway.http.handlers.jobs import JobHandlers
    from gateway.http.handlers.pages import PageHandlers
    from gateway.http.handlers.rebuilds import RebuildHandlers
    from gateway.http.handlers.runs import RunHandlers
    from gateway.http.handlers.search import SearchHandlers
    from gateway.http.handlers.sources import SourceHandlers
    from gateway.http.handlers.system import SystemHandlers
    from gateway.http.handlers.uploads import UploadHandlers


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """All handlers."""

    sources: SourceHandlers
    uploads: UploadHandlers
    documents: DocumentHandlers
    search: SearchHandlers
    runs: RunHandlers
    jobs: JobHandlers
    groups: GroupHandlers
    rebuilds: RebuildHandlers
    system: SystemHandlers


def api_routes(handlers: Handlers) -> tuple[AnyRoute, ...]:
    """Everything below ``/v1`` (and ``/api``)."""
    return (
        *_source_routes(handlers.sources),
        *_upload_routes(handlers.uploads),
        *_document_routes(handlers.documents),
        *_search_routes(handlers.search),
        *_run_routes(handlers.runs),
        *_job_routes(handlers.jobs),
        *_failed_job_routes(handlers.jobs),
        *_group_routes(handlers.groups),
        *_rebuild_routes(handlers.rebuilds),
        *_system_routes(handlers.system),
    )


def _source_routes(on: SourceHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "GET", "/sources", on.find, "List sources", query=sources.SourcesQuery, answer=sources.SourceList
        ),
        Route(
            "POST",
            "/sources",
            on.add,
            "Add a web site and crawl it",
            body=sources.SourceInput,
            status=201,
            answer=sources.SourceAdded,
            problems=("source_exists", "blocked_address"),
        ),
        Route("GET", "/sources/{source_id}", on.get, "Show a source", answer=sources.Source),
        Route(
            "PATCH",
            "/sources/{source_id}",
            on.change,
            "Change a source",
            body=sources.SourcePatch,
            answer=sources.Source,
            problems=("source_exists",),
        ),
        Route(
            "DELETE",
            "/sources/{source_id}",
            on.remove,
            "Delete a source: gone from search at once",
            query=sources.DeleteQuery,
            status=202,
            answer=sources.SourceDeleting,
            problems=("ingest_in_progress",),
        ),
        Route(
            "POST",
            "/sources/{source_id}/sync",
            on.sync,
            "Crawl a source again",
            status=202,
            answer=sources.RunStarted,
        ),
        Route(
            "GET",
            "/sources/{source_id}/pages",
            on.pages,
            "What became of every URL of a crawl",
            query=sources.PagesQuery,
            answer=sources.CrawledPageList,
        ),
        Route(
            "GET",
            "/sources/{source_id}/columns",
            on.columns,
            "The columns of a table file",
            answer=sources.Columns,
        ),
    )


def _upload_routes(on: UploadHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "POST",
            "/ingest",
            on.ingest,
            "Upload a file",
            multipart=uploads.FORM,
            status=202,
            answer=uploads.UploadAccepted,
            problems=(
                "too_large",
                "unsupported_type",
                "empty_file",
                "incomplete_upload",
                "malformed_upload",
                "busy",
            ),
        ),
    )


def _document_routes(on: DocumentHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "GET",
            "/documents",
            on.find,
            "List documents",
            query=documents.DocumentsQuery,
            answer=documents.DocumentList,
        ),
        Route(
            "GET",
            "/documents/{document_id}",
            on.get,
            "Show a document with its versions",
            answer=documents.DocumentDetail,
        ),
        Route(
            "GET",
            "/documents/{document_id}/content",
            on.content,
            "The Markdown of the active version",
            media_type="text/markdown",
        ),
        Route(
            "GET",
            "/documents/{document_id}/chunks",
            on.chunks,
            "The chunks of the active version",
            query=documents.ChunksQuery,
            answer=documents.ChunkList,
        ),
        Route(
            "POST",
            "/documents/{document_id}/activate",
            on.activate,
            "Serve an earlier version again",
            body=documents.ActivateVersion,
            status=202,
            answer=sources.RunStarted,
            problems=("already_active",),
        ),
    )


def _search_routes(on: SearchHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route("POST", "/search", on.search, "Search", body=search.SearchInput, answer=search.SearchAnswer),
    )


def _run_routes(on: RunHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route("GET", "/ingestion-runs", on.find, "List runs", query=jobs.RunsQuery, answer=jobs.RunList),
        Route("GET", "/ingestion-runs/{run_id}", on.get, "Show a run", answer=jobs.Run),
        Route(
            "GET",
            "/ingestion-runs/{run_id}/events",
            on.events,
            "Follow a run: events progress, log and done",
            media_type="text/event-stream",
            problems=("busy",),
        ),
        Route(
            "POST",
            "/ingestion-runs/{run_id}/prune",
            on.decide,
            "Retire the pages that a run found gone and holds, or keep them",
            body=jobs.PruneDecision,
            status=202,
            answer=jobs.PruneDecided,
            problems=("nothing_held", "already_decided"),
        ),
        Route(
            "GET",
            "/prunes",
            on.prunes,
            "List runs that found many pages gone",
            query=jobs.PrunesQuery,
            answer=jobs.PruneList,
        ),
    )


def _job_routes(on: JobHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route("GET", "/jobs", on.find, "List jobs", query=jobs.JobsQuery, answer=jobs.JobList),
        Route(
            "POST",
            "/jobs",
            on.start,
            "Start a job",
            body=jobs.StartJob,
            status=202,
            answer=jobs.JobStarted,
            problems=("unknown_job_type", "blocked_address"),
        ),
        Route(
            "POST",
            "/jobs/start",
            on.start,
            "Start a job (the same)",
            body=jobs.StartJob,
            status=202,
            answer=jobs.JobStarted,
            problems=("unknown_job_type", "blocked_address"),
        ),
        Route("GET", "/jobs/{job_id}", on.get, "Show a job", answer=jobs.Job),
        Route(
            "DELETE",
            "/jobs/{job_id}",
            on.remove,
            "Remove a job that has ended",
            status=204,
            problems=("job_active", "conflict"),
        ),
        Route(
            "GET",
            "/jobs/{job_id}/children",
            on.children,
            "List the children of a job",
            query=PageQuery,
            answer=jobs.JobList,
        ),
        Route(
            "GET",
            "/jobs/{job_id}/logs",
            on.logs,
            "Read the log of a job",
            query=jobs.LogsQuery,
            answer=jobs.LogLineList,
        ),
        Route(
            "POST",
            "/jobs/{job_id}/cancel",
            on.cancel,
            "Cancel a job",
            status=202,
            answer=jobs.JobStarted,
            problems=("already_finished",),
        ),
        Route(
            "POST",
            "/jobs/{job_id}/rerun",
            on.rerun,
            "Start a new job of the same type and payload",
            status=201,
            answer=jobs.JobStarted,
            problems=("conflict",),
        ),
        Route(
            "POST",
            "/jobs/{job_id}/copy",
            on.copy,
            "Start a new job with other values in its payload",
            body=jobs.CopyJob,
            optional_body=True,
            status=201,
            answer=jobs.JobStarted,
            problems=("conflict", "blocked_address"),
        ),
    )


def _failed_job_routes(on: JobHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "GET",
            "/jobs/failed",
            on.failed,
            "List failed units of work",
            query=jobs.FailedQuery,
            answer=jobs.FailedJobList,
        ),
        Route(
            "POST",
            "/jobs/failed/retry",
            on.retry_many,
            "Retry several failed jobs; ask again while `remaining` is not 0",
            body=jobs.RetryMany,
            status=202,
            answer=jobs.Retried,
        ),
        Route(
            "POST",
            "/jobs/{job_id}/retry",
            on.retry,
            "Retry a failed job",
            status=202,
            answer=jobs.JobStarted,
            problems=("already_retried", "not_failed", "run_cancelled"),
        ),
    )


def _group_routes(on: GroupHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route("GET", "/groups", on.find, "List groups", query=PageQuery, answer=groups.GroupList),
        Route(
            "POST",
            "/groups",
            on.add,
            "Make a group",
            body=groups.GroupInput,
            status=201,
            answer=groups.Group,
            problems=("group_exists",),
        ),
        Route("GET", "/groups/{group_id}", on.get, "Show a group", answer=groups.Group),
        Route(
            "PATCH",
            "/groups/{group_id}",
            on.rename,
            "Rename a group",
            body=groups.GroupInput,
            answer=groups.Group,
            problems=("group_exists",),
        ),
        Route(
            "DELETE",
            "/groups/{group_id}",
            on.remove,
            "Remove an empty group",
            status=204,
            problems=("group_in_use",),
        ),
    )


def _rebuild_routes(on: RebuildHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "POST",
            "/reindex",
            on.start,
            "Index a source, or everything, anew from what is stored",
            body=rebuilds.RebuildInput,
            optional_body=True,
            status=202,
            answer=rebuilds.Rebuild,
        ),
        Route("GET", "/reindex/{rebuild_id}", on.get, "How far a rebuild is", answer=rebuilds.Rebuild),
    )


def _system_routes(on: SystemHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route("GET", "/stats", on.stats, "Three figures", answer=system.Stats),
        Route(
            "GET",
            "/system",
            on.system,
            "The parts of the installation, its queues and versions",
            answer=system.System,
        ),
        Route(
            "GET",
            "/system/ledger",
            on.ledger,
            "All work ever accepted, by what became of it",
            answer=system.Ledger,
        ),
        Route(
            "GET",
            "/system/dead-messages",
            on.dead_messages,
            "List messages that could not be understood",
            query=system.DeadMessagesQuery,
            answer=system.DeadMessageList,
        ),
        Route(
            "GET",
            "/system/dead-messages/{message_id}",
            on.dead_message,
            "Show a message that could not be understood",
            answer=system.DeadMessageDetail,
        ),
    )


def health_routes(on: SystemHandlers) -> tuple[AnyRoute, ...]:
    """Paths outside of ``/v1`` that machines ask."""
    return (
        Route("GET", "/healthz", on.healthz, "The process answers", answer=system.Health),
        Route(
            "GET",
            "/readyz",
            on.readyz,
            "Work can be done; 503 with the same shape where not",
            answer=system.Ready,
        ),
    )


def description_routes(on: PageHandlers) -> tuple[AnyRoute, ...]:
    """What describes the API, and is not described by it."""
    return (Route("GET", "/openapi.json", on.openapi, "The description of this API"),)


def page_routes(on: PageHandlers) -> tuple[AnyRoute, ...]:
    """What people see."""
    return (Route("GET", "/", on.status, "How the installation is", media_type="text/html"),)
