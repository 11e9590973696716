from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

ALIAS = "Chunks"
"""The name that searches use; it leads to the current collection."""

MARKS = "QuernMark"
"""The collection that keeps the :class:`Mark`; it holds no content."""

MAX_RESULTS = 10_000
"""What Weaviate answers at most to one search (``QUERY_MAXIMUM_RESULTS``), offset included."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorObject:
    """One attempt to index one chunk.

    Attributes:
        object_id: fresh for every attempt, known to Postgres before it is sent.
        type: the source's type, ``web``, ``upload`` or ``s3``.
        language: ISO 639-1, or empty where it is not known.
        text: what is searched by keyword: heading path and text.
        vector: of the collection's dimensions, float32.
    """

    object_id: UUID
    chunk_id: UUID
    source_id: UUID
    document_id: UUID
    batch_id: UUID
    type: str
    language: str
    text: str
    vector: NDArray[np.float32]

    @classmethod
    def barrier(cls, object_id: UUID, vector: NDArray[np.float32]) -> Self:
        """An object that stands for no chunk: all its ids are its own, and no search by keyword finds it."""
        return cls(
            object_id=object_id,
            chunk_id=object_id,
            source_id=object_id,
            document_id=object_id,
            batch_id=object_id,
            type="",
            language="",
            text="",
            vector=vector,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a search is narrowed to; ``None`` does not narrow, an empty collection matches nothing.

    Groups are not among them, because a source may move to another group without being indexed again: name the
    group's sources.

    Attributes:
        exclude_source_ids: sources that are being deleted, so that they do not crowd out live evidence.
    """

    source_ids: Collection[UUID] | None = None
    document_ids: Collection[UUID] | None = None
    types: Collection[str] | None = None
    languages: Collection[str] | None = None
    exclude_source_ids: Collection[UUID] = ()


class SearchMode(StrEnum):
    """How evidence is found; the values are those of the HTTP contract."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchQuery:
    """What is looked for.

    Attributes:
        text: the words; not used in mode ``vector``.
        vector: of :attr:`text`; not used in mode ``keyword``.
        alpha: share of the vector's score in mode ``hybrid``, 0 (keyword only) to 1 (vector only).
        limit: how many hits at most; ``limit + offset`` is at most :data:`MAX_RESULTS`.
        offset: how many hits are passed over.
    """

    mode: SearchMode
    text: str = ""
    vector: NDArray[np.float32] | None = None
    alpha: float = 0.35
    limit: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class Hit:
    """A found object.

    Attributes:
        score: 0 to 1, comparable within one answer only. ``vector``: the cosine, negative ones as 0.
            ``hybrid``: the fused relative score. ``keyword``: ``s / (1 + s)`` of the BM25 score s.
    """

    object_id: UUID
    chunk_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object as an audit sees it; ids that cannot be read (foreign objects) are ``None``.

    Attributes:
        type: the source's type, as the object says.
    """

    object_id: UUID
    chunk_id: UUID | None
    source_id: UUID | None
    document_id: UUID | None
    batch_id: UUID | None
    type: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest state of Postgres that acted on this Weaviate: a Postgres that is behind it was set back.

    Attributes:
        history: of the installation.
        turn: counts up.
    """

    history: UUID
    turn: int


class ReadinessStatus(StrEnum):
    """The component statuses of the HTTP contract."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether Weaviate can do its part, and for people what is wrong; ``read_only``: searches work, writes do not."""

    status: ReadinessStatus
    detail: str = ""
    read_only: bool = False


class VectorCollections(Protocol):
    """Collections, tenants and health."""

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        """Make the collection with the product's schema, unless it is there.

        Raises:
            VectorsRejectedError: there is one of that name with another schema or other dimensions.
        """

    async def ensure_alias(self, collection: str) -> None:
        """Let :data:`ALIAS` lead to this collection; searches follow at once.

        Raises:
            CollectionMissingError: there is no such collection.
        """

    async def drop_collection(self, name: str) -> None:
        """Remove a collection with all its tenants and objects; one that is gone is fine."""

    async def collections(self) -> list[str]:
        """The names of all collections, sorted."""

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        """Make the tenant, unless it is there. Only under the live tenant's row lock.

        Raises:
            CollectionMissingError: there is no such collection.
        """

    async def delete_tenant(self, collection: str, tenant: str) -> None:
        """Remove a tenant with all its objects; one that is gone is fine."""

    async def tenants(self, collection: str) -> list[str]:
        """The names of a collection's tenants, sorted.

        Raises:
            CollectionMissingError: there is no such collection.
        """

    async def readiness(self) -> Readiness:
        """How it is now, within two seconds; never raises."""

    async def starts(self) -> str:
        """A text that is another one after each start of Weaviate, as long as it keeps its data."""

    async def read_mark(self) -> Mark | None:
        """What was marked last; None where nothing was, or where Weaviate has lost it."""

    async def write_mark(self, mark: Mark) -> None:
        """Keep this mark instead of the one before."""


class VectorWriter(Protocol):
    """Writing and deleting. Every method may raise the errors of ``shared.vectors.errors``."""

    async def insert(self, collection: str, tenant: str, objects: Sequence[VectorObject]) -> None:
        """Send objects; an acknowledgement alone proves nothing, see :meth:`write_batch`.

        Any error, a cancellation too, means that all of these ids must be given up and deleted.

        Raises:
            InvalidBatchError: nothing was sent.
        """

    async def barrier(self, collection: str, tenant: str, *, object_id: UUID, dimensions: int) -> None:
        """Write one object of its own, after which a crash no longer takes vectors of what was written before.

        No search by keyword finds it; its chunk, source, document and batch are its own id.
        """

    async def verify_batch(
        self, collection: str, tenant: str, *, batch_id: UUID, object_ids: Collection[UUID]
    ) -> None:
        """Check that a search by vector filtered by the batch finds exactly these objects.

        Raises:
            BatchNotVerifiedError: it finds others.
        """

    async def write_batch(
        self, collection: str, tenant: str, objects: Sequence[VectorObject], *, barrier_id: UUID
    ) -> None:
        """Insert one batch's objects, write the barrier, verify. Returning means: written for good.

        Args:
            collection: the collection itself, not the alias.
            tenant: which must be there.
            objects: of one batch, fewer than :data:`MAX_RESULTS`; none is fine.
            barrier_id: fresh, and already known to Postgres as ``deleting``.

        Raises:
            InvalidBatchError: nothing was sent.
            BatchNotVerifiedError: as for :meth:`verify_batch`.
        """

    async def delete_by_source(self, collection: str, tenant: str, source_id: UUID) -> int:
        """Delete all objects of a source until a read-back counts none; how many were deleted."""

    async def delete_by_ids(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> int:
        """Delete objects, those too that a crash left without an index entry.

        Returns:
            How many were found by filter and deleted; ids that are gone are fine.
        """


class VectorReader(Protocol):
    """Search and audit. Every method may raise the errors of ``shared.vectors.errors``."""

    async def search(
        self, tenant: str, query: SearchQuery, *, deadline_seconds: float | None = None
    ) -> list[Hit]:
        """The best hits through the alias, best first.

        Args:
            tenant: whose objects.
            query: what is looked for.
            deadline_seconds: less than the store's own deadline for queries.
        """

    async def count(
        self, collection: str, tenant: str, *, source_id: UUID | None = None, batch_id: UUID | None = None
    ) -> int:
        """How many objects there are: of a source, of a batch, or in all. Counts holes as well."""

    async def scan(self, collection: str, tenant: str, *, after: UUID | None, limit: int) -> list[Entry]:
        """The next objects by id, straight from the object store; an empty list ends the scan.

        Args:
            collection: the collection itself, not the alias.
            tenant: whose objects.
            after: the last object id of the page before.
            limit: at most :data:`MAX_RESULTS`.
        """

    async def existing(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these objects are stored, whether an index knows them or not."""

    async def vector_findable(self, collection: str, tenant: str, object_ids: Collection[UUID]) -> set[UUID]:
        """Which of these objects a search by vector can find: stored, filterable, and no hole."""


class VectorStore(VectorCollections, VectorWriter, VectorReader, Protocol):
    """All of it; what a service needs of it is in its own ports."""

    async def close(self) -> None:
        """Give back what the store holds; safe to call twice."""
