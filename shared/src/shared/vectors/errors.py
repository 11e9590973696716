"""What can go wrong with vectors, told apart by what the caller should do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import DependencyRejectedError, DependencyUnavailableError

if TYPE_CHECKING:
    from uuid import UUID

DEPENDENCY = "weaviate"


class VectorsUnavailableError(DependencyUnavailableError):
    """Weaviate is down, too slow, out of memory or misconfigured: back off and try again later."""

    def __init__(self, sentence: str) -> None:
        super().__init__(DEPENDENCY, sentence)


class VectorsReadOnlyError(VectorsUnavailableError):
    """A shard takes no writes, as when the disk is nearly full; searches go on."""


class CollectionMissingError(VectorsUnavailableError):
    """The collection is not there, as after the data were lost: it is made again and filled from Postgres."""


class TenantMissingError(VectorsUnavailableError):
    """The tenant is not in the collection: make it under the live tenant's row lock, or end the work if it is gone."""


class BatchNotVerifiedError(VectorsUnavailableError):
    """An acknowledged batch is not found whole: a new attempt with new ids is due, the old ids are deleted.

    Attributes:
        missing: sent, but not found by vector.
        unexpected: found, but not sent.
    """

    def __init__(self, *, missing: frozenset[UUID], unexpected: frozenset[UUID]) -> None:
        super().__init__(
            f"Of an index batch {len(missing)} objects are missing, {len(unexpected)} are unexpected."
        )
        self.missing = missing
        self.unexpected = unexpected


class VectorsRejectedError(DependencyRejectedError):
    """Weaviate refused this very request: trying the same again will not help."""

    def __init__(self, sentence: str) -> None:
        super().__init__(DEPENDENCY, sentence)


class InvalidBatchError(VectorsRejectedError):
    """The objects would be stored wrongly or not at all; nothing was sent."""
