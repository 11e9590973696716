"""What the janitor needs from outside."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from shared.blobs import BlobEntry
    from shared.postgres import registry
    from shared.postgres.prune_decisions import Pruned
    from shared.postgres.upkeep_audit import Broken, Place, RecentBatch, Served
    from shared.postgres.upkeep_content import BlobOfRun, KeptVersions
    from shared.postgres.upkeep_figures import Figures
    from shared.postgres.upkeep_jobs import Retried
    from shared.postgres.upkeep_objects import Tombstone
    from shared.postgres.upkeep_reclaims import Reclaimed
    from shared.postgres.upkeep_removal import DeletingSource, OpenWork
    from shared.postgres.upkeep_watch import ChangedVersion, Remembered, Watch
    from shared.vectors.port import Entry, Mark


class Task(Protocol):
    """One kind of upkeep."""

    async def run_once(self) -> Mapping[str, int]:
        """One turn; returns how much it changed, by kind."""
        ...


class Turns(Protocol):
    """Row leases: who does what, among several janitors."""

    async def take(self, name: str, *, seconds: float, not_within_seconds: float = 0.0) -> bool:
        """Take a turn for at most ``seconds``, unless somebody has it or has just had it."""
        ...

    async def end(self, name: str, counts: Mapping[str, int]) -> None:
        """It came to its end."""
        ...

    async def leave(self, name: str) -> None:
        """Let others have it at once."""
        ...


class Removal(Enum):
    """What became of the removal of a source."""

    GONE = auto()
    """There is no such source, or it is not to be removed."""
    BUSY = auto()
    """Another janitor is at it."""
    WAITING = auto()
    """Something may still be written to its index batches."""
    DELETED = auto()
    """Nothing of it is left."""


class KnownSources(Protocol):
    """Which sources there are or were."""

    async def exists(self, source_id: UUID) -> bool:
        """Whether there is or was such a source: its row stays when it is deleted."""
        ...


class SourceRemover(Protocol):
    """Removes a source for good."""

    async def remove(self, source_id: UUID) -> Removal:
        """Remove it as far as is possible now."""
        ...


class Announcing(Protocol):
    """Puts jobs into the queue."""

    async def announce(self) -> int:
        """Announce what fits into the windows; never raises."""
        ...

    async def announce_again(self, *, after_seconds: float, at_most: int, waiting: int = 0) -> int:
        """Announce again what nobody took up; ``waiting`` messages in the queue are known not to be lost."""
        ...


class QueueDoor(Protocol):
    """Whether nsqd can be reached."""

    @property
    def ready(self) -> bool:
        """Whether a publish would find a connection now."""
        ...


class Jobs(Protocol):
    """Upkeep of jobs."""

    async def anything_waiting(self) -> bool:
        """Whether a job is due and not announced."""
        ...

    async def retry_due(self, *, at_most: int) -> Retried:
        """Queue dead jobs again whose time has come."""
        ...

    async def close_runs(self, *, stalled_seconds: float, at_most: int) -> Counter[str]:
        """End runs that have no open page."""
        ...


class Prunes(Protocol):
    """Documents that are to be retired because their pages are gone."""

    async def unfinished(self, *, at_most: int) -> list[UUID]:
        """Runs of which approved documents are still served."""
        ...

    async def retire_next(self, run_id: UUID) -> Pruned:
        """Retire the next ones of a run."""
        ...


class Reclaims(Protocol):
    """Lost jobs."""

    async def reclaim(self, *, at_most: int) -> Reclaimed:
        """Take back what lost its owner or its result."""
        ...


class Objects(Protocol):
    """States of objects."""

    async def expire_batches(self, *, at_most: int) -> tuple[int, int]:
        """Give up batches whose owner's time is over."""
        ...

    async def discard_superseded(self, *, grace_seconds: float, at_most: int) -> int:
        """Have superseded ones deleted."""
        ...

    async def discard_unused(self, *, after_seconds: float, at_most: int) -> int:
        """Have those deleted that nothing will activate."""
        ...

    async def to_delete(self, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones that Weaviate has not been told about."""
        ...

    async def to_purge(self, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones that are to be deleted once more."""
        ...

    async def mark_deleted(self, object_ids: Sequence[UUID], *, purge_after_seconds: float) -> None:
        """Weaviate was told."""
        ...

    async def purge(self, object_ids: Sequence[UUID]) -> None:
        """Weaviate was told twice."""
        ...


class SourceRows(Protocol):
    """The rows of a source that is being removed."""

    async def deleting(self, *, at_most: int) -> list[DeletingSource]:
        """Sources to be removed, the oldest request first."""
        ...

    async def find(self, source_id: UUID) -> DeletingSource | None:
        """The source, if it is to be removed."""
        ...

    async def collections(self) -> list[str]:
        """Every collection that its objects may lie in."""
        ...

    async def end_work(self, source: DeletingSource) -> OpenWork:
        """Cancel what is still open of it; count what is still being written."""
        ...

    async def discard_objects(self, source: DeletingSource, *, at_most: int) -> int:
        """Turn its next objects into tombstones."""
        ...

    async def unverified(self, source: DeletingSource, *, after: UUID, at_most: int) -> list[Tombstone]:
        """The next tombstones that a filter may not find."""
        ...

    async def mark_objects_deleted(
        self, source: DeletingSource, *, purge_after_seconds: float, at_most: int
    ) -> int:
        """Weaviate has nothing of it any more."""
        ...

    async def uploads(
        self, source: DeletingSource, *, after: int, at_most: int
    ) -> list[tuple[int, str | None]]:
        """The next uploads with the URIs of their originals."""
        ...

    async def remove_content(self, source: DeletingSource, *, at_most: int) -> Counter[str]:
        """Remove the next rows; nothing comes back when nothing is left."""
        ...

    async def finish(self, source: DeletingSource) -> dict[str, int] | None:
        """Say that it is gone, with the receipt."""
        ...


class Content(Protocol):
    """Content that nothing serves."""

    async def kept_versions(self, *, after: UUID, at_most: int) -> list[KeptVersions]:
        """The next documents, with how many versions of each are kept."""
        ...

    async def let_go(self, documents: Sequence[KeptVersions], *, keep: int, grace_seconds: float) -> int:
        """Let go of versions that are more than is kept."""
        ...

    async def drop_abandoned(self, *, after_seconds: float, at_most: int) -> Counter[str]:
        """Remove the next rows of versions that nothing will activate."""
        ...

    async def forget_parts(self, *, at_most: int) -> int:
        """Forget parts of results that will never be complete."""
        ...

    async def needed(self, blobs: Sequence[BlobOfRun]) -> set[BlobOfRun]:
        """Those of these originals that something can still need."""
        ...


class Blobs(Protocol):
    """The originals of uploads."""

    async def delete(self, uri: str) -> None:
        """Remove one; one that is gone is fine."""
        ...

    def sweep(self, *, modified_before: datetime) -> AsyncIterator[BlobEntry]:
        """All that were last written before that time."""
        ...


class Sums(Protocol):
    """The ledger, the figures, and what is forgotten after a while."""

    async def fold_ledger(self, *, at_most: int) -> int:
        """Make one row for each tenant out of many."""
        ...

    async def imbalance(self) -> int:
        """Differences between the ledger and the rows."""
        ...

    async def read(self) -> Figures:
        """The figures now."""
        ...

    async def forget_workers(self, *, after_seconds: float) -> int:
        """Forget processes that are long gone."""
        ...

    async def forget_hosts(self, *, after_seconds: float, at_most: int) -> int:
        """Forget hosts that nobody asked for long."""
        ...

    async def forget_dead_messages(self, *, keep: int, at_most: int) -> int:
        """Forget all but the newest dead messages."""
        ...

    async def forget_batches(self, *, after_seconds: float, at_most: int) -> int:
        """Forget index batches that were closed long ago."""
        ...


class AuditRows(Protocol):
    """What the audit reads and writes in Postgres."""

    async def places(self, *, at_most: int) -> list[Place]:
        """All places, the longest unvisited first."""
        ...

    async def active(self, place: Place, *, at_most: int) -> list[Served]:
        """The next active objects: Weaviate must have those of live sources."""
        ...

    async def strangers(self, place: Place, object_ids: Collection[UUID]) -> list[UUID]:
        """Those that do not belong there."""
        ...

    async def note_broken(self, kinds: Mapping[UUID, str]) -> Broken:
        """Have these replaced, if they are still served."""
        ...

    async def advance(self, place: Place, *, after: UUID | None, missing: int, orphans: int) -> None:
        """A slice was compared."""
        ...

    async def pass_over(self, place: Place) -> None:
        """A place could not be compared now: all others come before it."""
        ...

    async def recent_batches(
        self, *, since: datetime, until: datetime, at_most: int
    ) -> Sequence[RecentBatch]:
        """Batches that were verified between these moments, the newest first."""
        ...

    async def active_of_batch(self, batch_id: UUID) -> list[UUID]:
        """What of a batch is being served."""
        ...

    async def active_of_documents(
        self, source_ids: Sequence[UUID], document_ids: Sequence[UUID]
    ) -> Mapping[Place, Sequence[UUID]]:
        """What of these documents is being served, and where."""
        ...


class WatchRows(Protocol):
    """What the audit remembers."""

    async def look(self, *, remembered: Remembered | None, starts: str) -> Watch:
        """Compare what Weaviate says with what is known."""
        ...

    async def rechecked(self, *, starts: str, down_to: datetime | None) -> None:
        """Batches were verified again."""
        ...

    async def end_full(self) -> bool:
        """Whether the full audit has just come to its end."""
        ...

    async def changed(self, *, settled_seconds: float, at_most: int) -> list[ChangedVersion]:
        """Versions that came to be served since the last time."""
        ...

    async def changes_seen(self, last: ChangedVersion) -> None:
        """All up to this one were looked at."""
        ...


class StoreWatch(Protocol):
    """Whether Postgres and Weaviate are those that they were."""

    async def look(self) -> Watch:
        """Look at both now."""
        ...


class Identity(Protocol):
    """Which Weaviate this is, and what it remembers."""

    async def starts(self) -> str:
        """Another text after each start."""
        ...

    async def read_mark(self) -> Mark | None:
        """What was marked last."""
        ...

    async def write_mark(self, mark: Mark) -> None:
        """Keep this mark instead."""
        ...


class Places(Protocol):
    """Where objects may lie, as Postgres has it."""

    async def collections(self) -> list[str]:
        """Every collection that it knows."""
        ...

    async def current(self) -> registry.Collection | None:
        """The collection that is written to; None where there is none yet."""
        ...

    async def live_slugs(self) -> set[str]:
        """The tenants that are not deleted, by their names in Weaviate."""
        ...


class Strays(Protocol):
    """Tenants in Weaviate."""

    async def collections(self) -> list[str]:
        """The names of all collections."""
        ...

    async def tenants(self, collection: str) -> list[str]:
        """The names of a collection's tenants."""
        ...

    async def count(self, collection: str, tenant: str) -> int:
        """How many objects a tenant has."""
        ...

    async def delete_tenant(self, collection: str, tenant: str) -> None:
        """Remove a tenant with all its objects."""
        ...


class Collections(Protocol):
    """Collections and tenants in Weaviate."""

    async def collections(self) -> list[str]:
        """The names of all collections."""
        ...

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        """Make the collection, unless it is there."""
        ...

    async def ensure_alias(self, collection: str) -> None:
        """Let searches lead to it."""
        ...

    async def tenants(self, collection: str) -> list[str]:
        """The names of a collection's tenants."""
        ...

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        """Make the tenant, unless it is there."""
        ...


class Rebuilds(Protocol):
    """Wishes to index content anew."""

    async def open(self) -> list[UUID]:
        """Those that are not finished, the oldest first."""
        ...

    async def advance(self, rebuild_id: UUID, *, at_most: int, waiting_max: int) -> int:
        """Note the next objects; how many it were."""
        ...

    async def forget(self, *, after_seconds: float) -> int:
        """Forget those that were finished long ago."""
        ...


class Vectors(Protocol):
    """Weaviate, as far as the janitor asks and deletes. Every method may raise the errors of ``shared.vectors.errors``."""

    async def delete_by_source(self, collection: str, tenant: str, source_id: UUID) -> int:
        """Delete until a read-back counts none."""
        ...

    async def delete_by_ids(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> int:
        """Delete, whether a filter finds them or not."""
        ...

    async def scan(self, collection: str, tenant: str, *, after: UUID | None, limit: int) -> list[Entry]:
        """The next objects by id."""
        ...

    async def existing(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these are stored."""
        ...

    async def vector_findable(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these a search by vector can find."""
        ...
