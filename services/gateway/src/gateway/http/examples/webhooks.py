"""Examples of webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story
from gateway.http.models import webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    webhooks.SecretInput: {"revoke": False},
    webhooks.Webhook: {
        "id": story.WEBHOOK,
        "url": "https://hooks.example.org/quern",
        "description": "Chat of the team",
        "events": ["run.succeeded", "run.failed"],
        "active": True,
        "paused_at": None,
        "paused_reason": None,
        "failing_since": None,
        "secret": webhooks.MASKED,
        "secret_set_at": story.BEGAN,
        "previous_secret_until": None,
        "created_by": "ada@example.org",
        "created_at": story.BEGAN,
        "updated_at": story.BEGAN,
    },
    webhooks.Delivery: {
        "id": story.DELIVERY,
        "webhook_id": story.WEBHOOK,
        "event": "run.failed",
        "run_id": story.RUN,
        "status": "waiting",
        "attempts": 1,
        "redeliveries": 0,
        "next_attempt_at": story.ENDED,
        "tries": [
            {
                "at": story.LATER,
                "duration_ms": 212,
                "http_status": 503,
                "error_code": "http_error",
                "error": "The receiver answered with status 503.",
                "response": "try later",
            }
        ],
        "payload": {
            "type": "run.failed",
            "timestamp": story.LATER,
            "data": {"run": {"id": story.RUN, "status": "failed", "error_code": "unreachable"}},
        },
        "created_at": story.LATER,
        "finished_at": None,
    },
}
