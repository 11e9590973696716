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

    from gateway.core.accounts import SessionClaim
    from shared.contracts.caller import Caller, Role
    from shared.limits import TenantLimits
    from shared.net.resolver import HostVerdict
    from shared.observability.readiness import DependencyState
    from shared.postgres.acceptance import AcceptedRun, AcceptedUpload, Seed, UploadFacts
    from shared.postgres.account_rows import AccountRow, AuditRow, CallerRow, TokenRow, UserRow
    from shared.postgres.limits import TenantUsage
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
        PreferencesRow,
        ProcessRow,
        PruneRow,
        Slice,
        SourceRow,
        StatsRow,
        SummaryRow,
        VersionRow,
    )
    from shared.postgres.reads.search import Scope
    from shared.postgres.reads.sources import SourceFilter
    from shared.postgres.rebuilds import RebuildRow
    from shared.postgres.steering import RetriedMany
    from shared.postgres.tenants import TenantRow
    from shared.postgres.webhooks import DeliveryRow, WebhookRow, WebhookWish
    from shared.queue.ports import TopicStats
    from shared.states import ErrandType
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

    async def rerun(self, *, caller: Caller, job_id: UUID, changes: dict[str, Any] | None = None) -> UUID:
        """A new job of the same, but for these fields of its payload."""

    async def start_errand(self, *, caller: Caller, kind: ErrandType, payload: dict[str, Any]) -> UUID:
        """Accept an errand."""

    async def reembed(self, *, caller: Caller, source_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """Have the index of sources made anew: sources with their runs."""

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

    async def get(
        self, tenant_id: UUID, document_id: UUID
    ) -> tuple[DocumentRow, list[VersionRow], SummaryRow | None] | None:
        """One document with its versions, and its summary where there is one."""

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

    async def ledger(self, tenant_id: UUID | None) -> LedgerRow:
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

    async def around(
        self, tenant_id: UUID, places: Sequence[tuple[UUID, int]], reach: int
    ) -> Mapping[tuple[UUID, int], Sequence[ChunkRow]]:
        """By place (version and ordinal), the chunks up to ``reach`` before and after it; none of what is going."""


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

    async def preferences(self, tenant_id: UUID, group_id: UUID) -> PreferencesRow:
        """What of a table's rows is embedded."""

    async def prefer(
        self, tenant_id: UUID, group_id: UUID, columns: Sequence[str], context_columns: Sequence[str]
    ) -> PreferencesRow:
        """Say so."""


class WebhookStore(Protocol):
    """The rows of webhooks and of what is sent to them; each method is one transaction."""

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[WebhookRow]:
        """Webhooks, newest first."""
        ...

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> WebhookRow:
        """One webhook."""
        ...

    async def add(self, *, caller: Caller, webhook_id: UUID, wish: WebhookWish, secret: bytes) -> WebhookRow:
        """Make one; its secret is sealed."""
        ...

    async def change(self, *, caller: Caller, webhook_id: UUID, wish: WebhookWish) -> WebhookRow:
        """Change what is given."""
        ...

    async def set_secret(
        self, *, caller: Caller, webhook_id: UUID, secret: bytes, overlap_seconds: float
    ) -> WebhookRow:
        """Give it another sealed secret."""
        ...

    async def remove(self, *, caller: Caller, webhook_id: UUID) -> None:
        """Nothing is sent to it any more."""
        ...

    async def ping(self, *, caller: Caller, webhook_id: UUID) -> DeliveryRow:
        """Have a ping sent to it."""
        ...

    async def deliveries(
        self, tenant_id: UUID, webhook_id: UUID, state: str | None, part: Slice
    ) -> Listing[DeliveryRow]:
        """What was and will be sent to it."""
        ...

    async def delivery(self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """One of them."""
        ...

    async def redeliver(self, *, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """Have it sent now."""
        ...


class SecretSealer(Protocol):
    """Keeps secrets that must be used again."""

    def seal(self, text: str, *, about: str) -> bytes:
        """What may be stored; raises ``NoKeyError``."""
        ...


class Rebuilds(Protocol):
    """Wishes to have the index made anew."""

    async def ask(self, *, caller: Caller, source_id: UUID | None) -> RebuildRow:
        """Ask for a source, or for everything."""

    async def get(self, tenant_id: UUID, rebuild_id: UUID) -> RebuildRow | None:
        """How far one is; None where there is none."""


class LimitReader(Protocol):
    """What tenants may use and do use."""

    async def allowed(self, tenant_id: UUID) -> TenantLimits:
        """The limits of a tenant."""

    async def used(self, tenant_id: UUID) -> TenantUsage:
        """What it uses now."""


class Allowed(Protocol):
    """The limits of tenants, remembered for a while."""

    async def allowed(self, tenant_id: UUID) -> TenantLimits:
        """Those of a tenant; never raises."""


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


class Passwords(Protocol):
    """Makes and checks what is kept of passwords."""

    async def hash(self, password: str) -> str:
        """What is kept; raises BusyError."""

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the right one, in the same time where there is none; raises BusyError."""

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it should be made anew."""


class Cookies(Protocol):
    """Signs and reads what a browser keeps of its session."""

    def sign(self, claim: SessionClaim, until: datetime) -> str:
        """The value of the cookie."""

    def read(self, value: str) -> SessionClaim | None:
        """What it says; None where it is not ours, or over."""


class SignInStore(Protocol):
    """Sessions, and attempts to begin one."""

    async def attempt(self, keys: Sequence[bytes], *, window_seconds: float) -> list[tuple[int, float]]:
        """Count an attempt for each key; how many there are, and for how many seconds they count."""

    async def accounts(self, email: str, tenant_slug: str | None) -> list[AccountRow]:
        """Who may be meant by an address: at most two."""

    async def account(self, tenant_id: UUID, user_id: UUID) -> AccountRow | None:
        """One user."""

    async def begin(
        self,
        *,
        session_id: UUID,
        account: AccountRow,
        seconds: float,
        cleared: bytes,
        taken_back: bytes,
        new_hash: str | None,
    ) -> datetime:
        """Open a session; when it ends."""

    async def note_failure(self, account: AccountRow) -> None:
        """Write down that somebody did not know the password."""

    async def end(self, caller: Caller) -> None:
        """Close the caller's session."""


class CallerReader(Protocol):
    """Who a session or a token belongs to."""

    async def of_session(self, tenant_id: UUID, session_id: UUID) -> CallerRow | None:
        """None where it is over."""

    async def of_token(self, secret_hash: bytes) -> CallerRow | None:
        """None where it is none, or none any more."""


class UserStore(Protocol):
    """Users of a tenant."""

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[UserRow]:
        """Newest first."""

    async def get(self, tenant_id: UUID, user_id: UUID) -> UserRow:
        """One; raises NotFoundError."""

    async def add(
        self,
        *,
        caller: Caller,
        user_id: UUID,
        tenant_slug: str | None,
        email: str,
        password_hash: str,
        role: Role,
    ) -> UserRow:
        """Add one; raises NotFoundError (the tenant), UserExistsError."""

    async def change(
        self, *, caller: Caller, user_id: UUID, role: Role | None = None, password_hash: str | None = None
    ) -> UserRow:
        """Change one; raises NotFoundError, OperatorOnlyError, LastAdminError."""

    async def remove(self, *, caller: Caller, user_id: UUID) -> None:
        """Remove one; raises NotFoundError, OperatorOnlyError, LastAdminError."""


class FirstUserStore(Protocol):
    """Makes the first user of an installation."""

    async def is_empty(self) -> bool:
        """Whether there is no user yet."""

    async def add_first(
        self, *, caller: Caller, user_id: UUID, email: str, password_hash: str, even_if_known: bool
    ) -> bool:
        """Make an admin and operator; whether it was made; raises UserExistsError."""


class TokenStore(Protocol):
    """API tokens."""

    async def find(self, caller: Caller, part: Slice) -> Listing[TokenRow]:
        """The caller's own, an admin's whole tenant's; newest first."""

    async def add(
        self,
        *,
        caller: Caller,
        token_id: UUID,
        name: str,
        secret_hash: bytes,
        role: Role,
        expires_at: datetime | None,
    ) -> TokenRow:
        """Make one; raises TooManyTokensError, NotFoundError (the token that asks)."""

    async def remove(self, *, caller: Caller, token_id: UUID) -> None:
        """Revoke one; raises NotFoundError."""


class TenantStore(Protocol):
    """Tenants, for operators."""

    async def find(self, part: Slice) -> Listing[TenantRow]:
        """Newest first."""

    async def get(self, tenant_id: UUID) -> TenantRow:
        """One; raises NotFoundError."""

    async def add(self, *, caller: Caller, slug: str, name: str) -> TenantRow:
        """Make one; raises TenantExistsError."""

    async def override(
        self, *, caller: Caller, tenant_id: UUID, limits: Mapping[str, int | None]
    ) -> TenantRow:
        """Set limits; raises NotFoundError."""

    async def remove(self, *, caller: Caller, tenant_id: UUID) -> bool:
        """Have one removed; whether this call did it; raises OwnTenantError, NotFoundError."""


class AuditReader(Protocol):
    """The audit log."""

    async def find(
        self, tenant_id: UUID, action: str | None, actor: str | None, part: Slice
    ) -> Listing[AuditRow]:
        """Newest first."""
