"""Shapes of webhooks."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from quern.models.common import Model

WebhookEvent = Literal["run.succeeded", "run.failed", "run.cancelled", "run.skipped"]
DeliveryState = Literal["waiting", "delivered", "dead"]


class Webhook(Model):
    """Who is told when runs end; the secret is masked, but in the answer to the request that made or set it."""

    id: UUID
    url: str
    description: str
    events: list[str]
    active: bool
    paused_at: datetime | None
    paused_reason: str | None
    failing_since: datetime | None
    secret: str
    secret_set_at: datetime
    previous_secret_until: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime


class DeliveryTry(Model):
    """One request to a webhook."""

    at: datetime
    duration_ms: int
    http_status: int | None
    error_code: str | None
    error: str | None
    response: str | None


class Delivery(Model):
    """One message to one webhook; ``status`` is waiting, sending, delivered or dead."""

    id: UUID
    webhook_id: UUID
    event: str
    run_id: UUID | None
    status: str
    attempts: int
    redeliveries: int
    next_attempt_at: datetime | None
    tries: list[DeliveryTry]
    payload: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None
