"""Errands: jobs that a janitor does step by step from their rows, as they stand in the hands of who does them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from shared.states import ErrandType


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Units of an errand by what became of them: runs, documents or objects."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """An errand that is this process's now, as it stands."""

    id: UUID
    epoch: int
    tenant_id: UUID
    type: ErrandType
    source_id: UUID | None
    attempt: int
    max_attempts: int
    retries: int
    request_id: str
    payload: dict[str, Any]
    stats: dict[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)

    def advanced(self, progress: Progress, **stats: Any) -> Errand:
        """The same, further on. A try that got somewhere is a first one."""
        attempt = 1 if progress.succeeded > self.progress.succeeded else self.attempt
        return replace(self, progress=progress, stats=self.stats | stats, attempt=attempt)
