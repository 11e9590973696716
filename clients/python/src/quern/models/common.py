"""What all shapes share. What a newer gateway adds is left aside, so that an older client still reads it."""

from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Model(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Model, Generic[T]):
    """A part of a list; ``total`` counts the whole of it."""

    items: list[T]
    total: int
    limit: int
    offset: int


class JobStatus(StrEnum):
    """Of jobs, runs and pages alike."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_terminal(self) -> bool:
        """Whether only a retry leads out of it."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def is_good(self) -> bool:
        """Whether it ended as wished: done, or nothing needed to be done."""
        return self in (JobStatus.SUCCEEDED, JobStatus.SKIPPED)
