"""What the consumer needs from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

    from shared.contracts.messages import ResultMessage
    from shared.postgres.indexing import Activated, ChunkToIndex, OpenBatch
    from shared.postgres.registry import Collection
    from shared.postgres.results import Stored
    from shared.vectors.port import VectorObject


class Results(Protocol):
    """Where results are stored."""

    async def store(self, messages: Sequence[ResultMessage]) -> Stored:
        """Store a batch in one transaction."""
        ...


class Batches(Protocol):
    """The rows of index batches."""

    async def open_batch(self, chunks: Sequence[ChunkToIndex]) -> OpenBatch:
        """Record one attempt before anything is sent."""
        ...

    async def close_batch(self, batch_id: UUID, *, verified: bool) -> bool:
        """Say how it ended."""
        ...


class Indexing(Batches, Protocol):
    """The rows of what is being indexed by this consumer."""

    async def adopt(self, *, at_most: int, known: Sequence[UUID]) -> list[UUID]:
        """Take over staged jobs that have no living owner, and own ones that are not known."""
        ...

    async def to_index(
        self, job_ids: Sequence[UUID], *, at_most: int, after: Mapping[UUID, int]
    ) -> list[ChunkToIndex]:
        """Chunks that still need an object, behind an ordinal of each job."""
        ...

    async def activate(self, job_ids: Sequence[UUID]) -> Activated:
        """Serve what is complete."""
        ...

    async def fail(
        self, job_ids: Sequence[UUID], *, error_code: str, sentence: str, retryable: bool
    ) -> list[str]:
        """End jobs whose content cannot be indexed; the types of those that ended by it."""
        ...


class Repairs(Protocol):
    """The rows of objects that Weaviate lost or cannot find."""

    async def take(self, *, at_most: int) -> list[ChunkToIndex]:
        """Chunks to be indexed anew."""
        ...

    async def swap(self, batch: OpenBatch) -> Counter[str]:
        """Serve the objects of a verified batch in the place of the old ones; how many, by kind."""
        ...

    async def postpone(self, chunks: Sequence[ChunkToIndex]) -> None:
        """Put these at the end of the line."""
        ...


class Registry(Protocol):
    """Which collection is current, and whose tenants live in it."""

    async def current(self, *, otherwise: Collection) -> Collection:
        """The current collection."""
        ...

    async def live_tenants(self) -> dict[UUID, str]:
        """Slugs by tenant."""
        ...


class Vectors(Protocol):
    """Weaviate, as far as the consumer writes it."""

    async def ensure_collection(self, name: str, *, dimensions: int) -> None:
        """Make the collection."""
        ...

    async def ensure_alias(self, collection: str) -> None:
        """Let searches find it."""
        ...

    async def ensure_tenant(self, collection: str, tenant: str) -> None:
        """Make the tenant."""
        ...

    async def write_batch(
        self, collection: str, tenant: str, objects: Sequence[VectorObject], *, barrier_id: UUID
    ) -> None:
        """Write and verify one batch."""
        ...


class Embedder(Protocol):
    """Makes vectors."""

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def model(self) -> str:
        """What makes the vectors."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text."""
        ...
