"""Shapes of what operators look at."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from quern.models.common import Model

Status = Literal["up", "degraded", "down"]


class Stats(Model):
    """Three figures: live sources, documents that are served, failed units of work."""

    sources: int
    documents: int
    failed_jobs: int


class Component(Model):
    """Whether a part of the installation works."""

    status: Status
    detail: str | None = None
    since: datetime | None = None


class Queue(Model):
    """A channel of a topic."""

    topic: str
    channel: str
    depth: int
    in_flight: int
    deferred: int


class System(Model):
    """The whole installation; components are postgres, nsqd, weaviate, workers, consumers, janitor."""

    components: dict[str, Component]
    queues: list[Queue]
    versions: dict[str, str]


class Audit(Model):
    """What the comparison of Postgres with Weaviate found last."""

    checked_at: datetime | None
    missing: int
    orphans: int
    repaired: int


class Ledger(Model):
    """All work ever accepted, by what became of it; ``balanced`` says that none of it is lost."""

    accepted: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    in_flight: int
    balanced: bool
    audit: Audit


class Rebuild(Model):
    """How far a rebuild of the index is; ``source_id`` is None where it is of everything.

    ``reason`` says why it ended before all was done; None where it did not.
    """

    id: UUID
    source_id: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    reason: str | None = None
    total: int
    done: int


class DeadMessage(Model):
    """A message that could not be understood; ``preview`` is its beginning as text."""

    id: UUID
    topic: str
    channel: str
    message_id: str
    reason: str
    size_bytes: int
    preview: str
    created_at: datetime


class DeadMessageDetail(DeadMessage):
    """The same with its first 64 KiB, in Base64."""

    body_base64: str


class Health(Model):
    """The gateway answers."""

    status: str


class Ready(Model):
    """Whether work can be done; ``reason`` says why not."""

    status: Literal["up", "down"]
    reason: str | None = None
    dependencies: dict[str, Component] = Field(default_factory=dict)
