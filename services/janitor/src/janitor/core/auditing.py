"""Comparing two walks over the same ids: what Weaviate has, and what Postgres serves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of the ids that both walks have covered.

    Attributes:
        upper: the last id of it; None where it reaches to the end.
        stored: what Weaviate has in it.
        expected: what Weaviate must have in it.
    """

    upper: UUID | None
    stored: frozenset[UUID]
    expected: frozenset[UUID]

    @property
    def unexpected(self) -> frozenset[UUID]:
        """Stored, but not served: strangers, or what is on its way in or out."""
        return self.stored - self.expected

    @property
    def present(self) -> frozenset[UUID]:
        """Served and stored."""
        return self.stored & self.expected

    @property
    def absent(self) -> frozenset[UUID]:
        """Served and not stored."""
        return self.expected - self.stored


def common_slice(stored: Sequence[UUID], expected: Sequence[UUID], *, limit: int) -> Slice:
    """What can be compared of two pages that begin at the same place.

    A page of ``limit`` ids has more behind it, so nothing is known of what lies beyond its last id.
    """
    ends = [max(page) for page in (stored, expected) if len(page) >= limit]
    upper = min(ends) if ends else None
    if upper is None:
        return Slice(None, frozenset(stored), frozenset(expected))
    return Slice(
        upper,
        frozenset(key for key in stored if key <= upper),
        frozenset(key for key in expected if key <= upper),
    )


class Described(Protocol):
    """What an object says of itself, or its row of it."""

    @property
    def chunk_id(self) -> UUID | None:
        """The chunk that it stands for."""

    @property
    def source_id(self) -> UUID | None:
        """The source of that."""

    @property
    def document_id(self) -> UUID | None:
        """The document of that."""

    @property
    def batch_id(self) -> UUID | None:
        """The index batch that it came with."""

    @property
    def type(self) -> str:
        """The source's type."""


def altered(stored: Described, row: Described) -> bool:
    """Whether an object says of itself what its row does not, so that filters would lie.

    Its language is not compared: a chunk that did not change keeps its object when its document's language changes.
    """
    return (stored.chunk_id, stored.source_id, stored.document_id, stored.batch_id, stored.type) != (
        row.chunk_id,
        row.source_id,
        row.document_id,
        row.batch_id,
        row.type,
    )
