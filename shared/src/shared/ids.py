"""The only deriver of ids: the same input gives the same id, so that doing work twice stores it once."""

from __future__ import annotations

from uuid import UUID, uuid5  # noqa: TID251  (this is the one place)

_DOCUMENT = UUID("6f1b52c8-4c0e-5a53-9f0e-2f0f4f3f8a01")
_CHUNK = UUID("6f1b52c8-4c0e-5a53-9f0e-2f0f4f3f8a02")
_VERSION = UUID("6f1b52c8-4c0e-5a53-9f0e-2f0f4f3f8a03")


def document_id(source_id: UUID, key: str) -> UUID:
    """A document is what a user thinks of as one: a page by its URL key, a file by its name (key ``file``)."""
    return uuid5(_DOCUMENT, f"{source_id}\n{key}")


def chunk_id(document: UUID, hash_: str, occurrence: int) -> UUID:
    """The logical chunk: what is embedded, and which repetition of it in the document."""
    return uuid5(_CHUNK, f"{document}\n{hash_}\n{occurrence}")


def version_id(job: UUID, epoch: int) -> UUID:
    """The version that one try of a job stages."""
    return uuid5(_VERSION, f"{job}\n{epoch}")
