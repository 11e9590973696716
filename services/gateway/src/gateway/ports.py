"""What the gateway needs of the world; wired in ``app.py``, faked in unit tests.

Every method works for one tenant. Those that read or write rows raise ``PostgresUnavailableError`` where Postgres
does not answer; what else they refuse is in ``shared.postgres.intake_errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.net.resolver import HostVerdict
    from shared.observability.readiness import DependencyState
    from shared.postgres.acceptance import AcceptedRun, AcceptedUpload, Seed, UploadFacts
    from shared.postgres.prune_decisions import Decided
    from shared.postgres.reads.documents import DocumentFilter
    from shared.postgres.reads.jobs import JobFilter
    from shared.postgres.reads.records import (
        ChunkRow,
        DeadMessageRow,
        DocumentRow,
        EvidenceRow,
        FailedJobRow,
        GroupRow,
        JobRow,
        LedgerRow,
        Listing,
        LogRow,
        PageRow,
        ProcessRow,
        PruneRow,
        Slice,
        SourceRow,
        StatsRow,
        VersionRow,
    )
    from shared.postgres.reads.search import Scope
    from shared.postgres.reads.sources import SourceFilter
    from shared.postgres.rebuilds import RebuildRow
    from shared.postgres.steering import RetriedMany
    from shared.queue.ports import TopicStats
    from shared.vectors.port import Hit, SearchQuery


class Intake(Protocol):
    """Accepts work and steers it; each method is one transaction."""

    async def accept_web(
        self,
        *,
        caller: Caller,
        seed: Seed,
        name: str,
        group_id: UUID | None,
        config: dict[str, Any],
        secret_headers: dict[str, str],
    ) -> AcceptedRun:
        """Add a site and its first crawl."""

    async def sync(
        self, *, caller: Caller, source_id: UUID, host: str, config: dict[str, Any] | None = None
    ) -> UUID:
        """Crawl a site again."""

    async def accept_upload(self, *, caller: Caller, facts: UploadFacts) -> AcceptedUpload:
        """Take a file in whose bytes are stored."""

    async def update_source(
        self,
        *,
        caller: Caller,
        source_id: UUID,
        name: str | None = None,
        group_id: UUID | None = None,
        config: dict[str, Any] | None = None,
        secret_headers: dict[str, str] | None = None,
    ) -> None:
        """Change what is given."""

    async def delete_source(self, *, caller: Caller, source_id: UUID, force: bool) -> None:
        """Hide a source at once and have it removed."""

    async def cancel(self, *, caller: Caller, job_id: UUID) -> None:
        """End a job."""

    async def retry(self, *, caller: Caller, job_id: UUID) -> UUID:
        """Queue a failed job again."""

    async def retry_many(
        self, *, caller: Caller, ids: Sequence[UUID] | None = None, error_code: str | None = None
    ) -> RetriedMany:
        """Queue several, or all of a class, or all; how many it were, and how many are left."""

    async def decide_prune(self, *, caller: Caller, run_id: UUID, approve: bool) -> Decided:
        """Retire, or keep, the pages that a run holds."""

    async def rerun(self, *, caller: Caller, job_id: UUID) -> UUID:
        """A new run of the same."""

    async def delete_job(self, *, caller: Caller, job_id: UUID) -> None:
        """Remove a job that has ended."""

    async def activate(self, *, caller: Caller, document_id: UUID, version_id: UUID) -> UUID:
        """Serve an earlier version again."""


class SourceReader(Protocol):
    """Reads sources."""

    async def find(self, tenant_id: UUID, wanted: SourceFilter, part: Slice) -> Listing[SourceRow]:
        """Sources, newest first."""

    async def get(self, tenant_id: UUID, source_id: UUID) -> SourceRow | None:
        """One source."""

    async def pages(
        self, tenant_id: UUID, source_id: UUID, status: str | None, part: Slice
    ) -> Listing[PageRow] | None:
        """The coverage ledger; None where there is no such source."""

    async def columns(self, tenant_id: UUID, source_id: UUID) -> list[tuple[str, str]] | None:
        """Columns of a table; None where there is no such source."""


class DocumentReader(Protocol):
    """Reads documents."""

    async def find(self, tenant_id: UUID, wanted: DocumentFilter, part: Slice) -> Listing[DocumentRow]:
        """Documents, newest first."""

    async def get(self, tenant_id: UUID, document_id: UUID) -> tuple[DocumentRow, list[VersionRow]] | None:
        """One document with its versions."""

    async def content(self, tenant_id: UUID, document_id: UUID) -> str | None:
        """The Markdown that is served; None where there is none."""

    async def chunks(
        self, tenant_id: UUID, document_id: UUID, after: int, part: Slice
    ) -> Listing[ChunkRow] | None:
        """Chunks behind an ordinal; None where there is no such document."""


class JobReader(Protocol):
    """Reads jobs."""

    async def find(self, tenant_id: UUID, wanted: JobFilter, part: Slice) -> Listing[JobRow]:
        """Jobs, newest first."""

    async def get(self, tenant_id: UUID, job_id: UUID) -> JobRow | None:
        """One job."""

    async def logs(
        self, tenant_id: UUID, job_id: UUID, levels: Sequence[str], after: int, part: Slice
    ) -> Listing[LogRow] | None:
        """Lines behind an id; None where there is no such job."""

    async def follow(
        self, tenant_id: UUID, run_id: UUID, after: int, limit: int
    ) -> tuple[JobRow, list[LogRow]] | None:
        """A run as it is now, and the lines of it and its pages behind an id; None where it is gone."""

    async def prunes(
        self, tenant_id: UUID, state: str | None, source_id: UUID | None, part: Slice
    ) -> Listing[PruneRow]:
        """Crawls that found many pages gone, newest first."""

    async def failed(
        self, tenant_id: UUID, handler: str | None, error_code: str | None, part: Slice
    ) -> Listing[FailedJobRow]:
        """Dead jobs, newest first."""


class OperationReader(Protocol):
    """Reads figures of the installation."""

    async def stats(self, tenant_id: UUID) -> StatsRow:
        """Three figures."""

    async def ledger(self, tenant_id: UUID) -> LedgerRow:
        """Accepted work by what became of it."""

    async def dead_messages(self, tenant_id: UUID, topic: str | None, part: Slice) -> Listing[DeadMessageRow]:
        """Messages that could not be understood, newest first."""

    async def dead_message(self, tenant_id: UUID, key: UUID) -> DeadMessageRow | None:
        """One of them."""

    async def processes(self, tenant_id: UUID) -> tuple[list[ProcessRow], str]:
        """Who is at work, and the version of Postgres."""


class SearchReader(Protocol):
    """Decides what a search may show."""

    async def scope(self, tenant_id: UUID, group_ids: Sequence[UUID] | None) -> Scope:
        """T0, and where to look."""

    async def has_content(self, tenant_id: UUID) -> bool:
        """Whether anything of the tenant can be found at all."""

    async def visible(
        self,
        tenant_id: UUID,
        object_ids: Sequence[UUID],
        moment: datetime,
        *,
        source_ids: Sequence[UUID] | None = None,
        document_ids: Sequence[UUID] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[EvidenceRow]:
        """Those of the objects that may be shown, all looked at in one statement."""


class VectorSearch(Protocol):
    """Finds objects near a question."""

    async def search(
        self, tenant: str, query: SearchQuery, *, deadline_seconds: float | None = None
    ) -> list[Hit]:
        """The best hits, best first; raises the errors of ``shared.vectors.errors``."""


class GroupStore(Protocol):
    """Reads and changes groups."""

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[GroupRow]:
        """Groups, newest first."""

    async def get(self, tenant_id: UUID, group_id: UUID) -> GroupRow:
        """One group."""

    async def add(self, tenant_id: UUID, name: str) -> GroupRow:
        """Make one."""

    async def rename(self, tenant_id: UUID, group_id: UUID, name: str) -> GroupRow:
        """Give it another name."""

    async def remove(self, tenant_id: UUID, group_id: UUID) -> None:
        """Remove an empty one."""


class Rebuilds(Protocol):
    """Wishes to have the index made anew."""

    async def ask(self, *, caller: Caller, source_id: UUID | None) -> RebuildRow:
        """Ask for a source, or for everything."""

    async def get(self, tenant_id: UUID, rebuild_id: UUID) -> RebuildRow | None:
        """How far one is; None where there is none."""


class JobDispatcher(Protocol):
    """Fills the windows of announced jobs."""

    async def announce(self) -> int:
        """Announce what fits; never raises, how many it were."""


class Announcer(Protocol):
    """Has workers woken up."""

    def announce(self) -> None:
        """Wish that what waits is announced; returns at once."""


class DeleteAnnouncer(Protocol):
    """Wakes the janitor up."""

    async def announce(self, *, caller: Caller, source_id: UUID) -> None:
        """Say that a source is to be removed; never raises, the row says it as well."""


class HostJudge(Protocol):
    """Judges hosts."""

    async def check_host(self, host: str) -> HostVerdict:
        """Whether a host may be crawled."""


class QueueStats(Protocol):
    """Figures of the queue."""

    async def stats(self) -> tuple[TopicStats, ...]:
        """Every topic with its channels; raises QueueUnavailableError."""


class Dependencies(Protocol):
    """What is known of the servers that Quern needs."""

    @property
    def ready(self) -> bool:
        """Whether no required one is down."""

    def states(self) -> Mapping[str, DependencyState]:
        """By name."""
