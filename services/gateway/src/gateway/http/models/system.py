"""Shapes of what operators look at."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from gateway.http.models.common import Output, Page, PageQuery, Text, Time


class Stats(Output):
    """Three figures."""

    sources: int = Field(description="Live sources.")
    documents: int = Field(description="Documents with an active version.")
    failed_jobs: int = Field(description="Failed units of work that can be retried.")


class Component(Output):
    """Whether a part of the installation works."""

    status: Literal["up", "degraded", "down"]
    detail: str
    since: Time | None


class Components(Output):
    """All parts."""

    postgres: Component
    nsqd: Component
    weaviate: Component
    workers: Component
    consumers: Component
    janitor: Component


class Queue(Output):
    """A channel of a topic."""

    topic: str
    channel: str
    depth: int
    in_flight: int
    deferred: int


class System(Output):
    """The whole installation."""

    components: Components
    queues: list[Queue]
    versions: dict[str, str]


class Audit(Output):
    """What the comparison of Postgres with Weaviate found last."""

    checked_at: Time | None
    missing: int
    orphans: int
    repaired: int


class Ledger(Output):
    """All work ever accepted, by what became of it."""

    accepted: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    in_flight: int
    balanced: bool = Field(description="Nothing is lost, and the rows agree with the sums.")
    audit: Audit


class DeadMessagesQuery(PageQuery):
    """Which messages that could not be understood."""

    topic: Text | None = Field(None, min_length=1, max_length=64)


class DeadMessage(Output):
    """A message that could not be understood."""

    id: UUID
    topic: str
    channel: str
    message_id: str = Field(description="nsqd's id of it.")
    reason: str
    size_bytes: int
    preview: str = Field(description="Its beginning as text; what is no UTF-8 is replaced.")
    created_at: Time


class DeadMessageDetail(DeadMessage):
    """The same with its body."""

    body_base64: str = Field(description="Its first 64 KiB.")


class DeadMessageList(Page[DeadMessage]):
    """Messages that could not be understood, newest first."""


class Health(Output):
    """The process answers."""

    status: Literal["up"] = "up"


class Dependency(Output):
    """Whether a server answers."""

    status: Literal["up", "degraded", "down"]
    detail: str
    since: Time


class Ready(Output):
    """Whether all work can be done; 503 with the same shape where not."""

    status: Literal["up", "down"]
    reason: str | None
    dependencies: dict[str, Dependency]
