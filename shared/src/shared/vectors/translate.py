"""Which of our errors an answer of Weaviate is. Pure.

Weaviate 1.39 tells almost everything by sentences under the code UNKNOWN. A sentence that is not known here counts
as a refusal, so that what is wrong with one document ends as its failure and is not tried for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.vectors.errors import (
    CollectionMissingError,
    TenantMissingError,
    VectorsReadOnlyError,
    VectorsRejectedError,
    VectorsUnavailableError,
)

if TYPE_CHECKING:
    from shared.errors import DependencyError

_SENTENCES: tuple[tuple[re.Pattern[str], type[VectorsUnavailableError]], ...] = (
    (re.compile(r"(?i)tenant not found"), TenantMissingError),
    (
        re.compile(r"(?i)could not find class|not present in schema|class not found|non-existing index"),
        CollectionMissingError,
    ),
    (re.compile(r"(?i)\bread[- ]?only\b"), VectorsReadOnlyError),
    (
        re.compile(
            r"(?i)\b(?:cancell?ed|connection refused|deadline exceeded|eof|leader|not enough memory|no space left"
            r"|not (?:loaded|ready)|shut ?down|shutting down|still loading|unauthorized|unavailable"
            # While it starts, a node knows of a tenant sooner than of the node, itself, that has it.
            r"|no (?:read|write) replica found|(?:not|reach) enough replicas|local (?:index|shard) \S+ not found"
            r"|cannot (?:achieve consistency level|resolve node name)|shard \S+ not found)\b"
        ),
        VectorsUnavailableError,
    ),
)
_OUTAGE_CODES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "UNAUTHENTICATED"})
_OUTAGE_STATUSES = frozenset({401, 403, 408, 429, 502, 503, 504})
_LONGEST_SENTENCE = 500


def from_sentence(text: str) -> DependencyError:
    """The error that this sentence of Weaviate's tells."""
    sentence = f"Weaviate: {text[:_LONGEST_SENTENCE]}"
    for pattern, kind in _SENTENCES:
        if pattern.search(text):
            return kind(sentence)
    return VectorsRejectedError(sentence)


def from_rpc(code: str, details: str) -> DependencyError:
    """The error that a failed call tells; ``code`` is the name of its gRPC status."""
    told = from_sentence(details)
    if isinstance(told, VectorsRejectedError) and code in _OUTAGE_CODES:
        return VectorsUnavailableError(f"Weaviate: {code} {details[:_LONGEST_SENTENCE]}")
    return told


def from_status(status: int, body: str) -> DependencyError:
    """The error that an HTTP answer tells."""
    told = from_sentence(body or f"HTTP status {status}")
    if isinstance(told, VectorsRejectedError) and status in _OUTAGE_STATUSES:
        return VectorsUnavailableError(f"Weaviate: HTTP status {status} {body[:_LONGEST_SENTENCE]}")
    return told
