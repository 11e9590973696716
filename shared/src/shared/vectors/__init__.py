"""Vectors: the port to the vector store, and Weaviate behind it; nothing else imports its client."""

from shared.vectors.connection import Deadlines
from shared.vectors.errors import (
    BatchNotVerifiedError,
    CollectionMissingError,
    InvalidBatchError,
    TenantMissingError,
    VectorsReadOnlyError,
    VectorsRejectedError,
    VectorsUnavailableError,
)
from shared.vectors.port import (
    ALIAS,
    MAX_RESULTS,
    Entry,
    Filters,
    Hit,
    Mark,
    Readiness,
    ReadinessStatus,
    SearchMode,
    SearchQuery,
    VectorCollections,
    VectorObject,
    VectorReader,
    VectorStore,
    VectorWriter,
)
from shared.vectors.store import WeaviateStore

__all__ = [
    "ALIAS",
    "MAX_RESULTS",
    "BatchNotVerifiedError",
    "CollectionMissingError",
    "Deadlines",
    "Entry",
    "Filters",
    "Hit",
    "InvalidBatchError",
    "Mark",
    "Readiness",
    "ReadinessStatus",
    "SearchMode",
    "SearchQuery",
    "TenantMissingError",
    "VectorCollections",
    "VectorObject",
    "VectorReader",
    "VectorStore",
    "VectorWriter",
    "VectorsReadOnlyError",
    "VectorsRejectedError",
    "VectorsUnavailableError",
    "WeaviateStore",
]
