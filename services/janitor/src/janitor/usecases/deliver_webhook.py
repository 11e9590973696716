"""One try of one delivery: sign, send, note what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import structlog

from janitor.core.webhooks import Outcome, RetryLimits, pause_seconds
from shared.observability.metrics import WEBHOOK_TRIES, WEBHOOK_TRY_DURATION
from shared.sealing import UnsealableError
from shared.signatures import signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from janitor.ports import Receivers, WebhookRows
    from shared.postgres.webhook_sending import Delivery
    from shared.sealing import Sealer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What time it is, for headers; how long something took; chance from -1 to 1."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]
    jitter: Callable[[], float]


class DeliverWebhook:
    """Sends what was claimed. What cannot be noted is sent again when its lease is over, with the same id."""

    def __init__(
        self,
        *,
        rows: WebhookRows,
        receivers: Receivers,
        sealer: Sealer,
        limits: RetryLimits,
        pause_after_seconds: float,
        clocks: Clocks,
    ) -> None:
        """``pause_after_seconds`` without any success a webhook is paused."""
        self._rows = rows
        self._receivers = receivers
        self._sealer = sealer
        self._limits = limits
        self._pause_after_seconds = pause_after_seconds
        self._clocks = clocks

    async def deliver(self, delivery: Delivery) -> Outcome:
        """One try."""
        started = self._clocks.seconds()
        outcome = await self._send(delivery)
        seconds = self._clocks.seconds() - started
        WEBHOOK_TRIES.inc(outcome.error_code or "delivered")
        WEBHOOK_TRY_DURATION.observe(seconds)
        facts = outcome.facts(seconds)
        if outcome.delivered:
            await self._rows.note_delivered(delivery, facts)
        else:
            await self._note_failed(delivery, outcome, facts)
        return outcome

    async def _send(self, delivery: Delivery) -> Outcome:
        try:
            secrets = self._secrets(delivery)
        except UnsealableError as error:
            return Outcome(error_code="secret_unreadable", error=str(error))
        body = orjson.dumps(delivery.payload, option=orjson.OPT_SORT_KEYS)
        headers = signed_headers(
            secrets, message_id=str(delivery.id), timestamp=int(self._clocks.now().timestamp()), body=body
        )
        return await self._receivers.post(delivery.url, headers, body)

    def _secrets(self, delivery: Delivery) -> list[str]:
        sealed = [delivery.secret, *([delivery.previous_secret] if delivery.previous_secret else [])]
        return [self._sealer.open(one, about=str(delivery.webhook_id)) for one in sealed]

    async def _note_failed(self, delivery: Delivery, outcome: Outcome, facts: Mapping[str, object]) -> None:
        again = pause_seconds(
            self._limits,
            attempt=delivery.attempts + 1,
            retry_after_seconds=outcome.retry_after_seconds,
            jitter=self._clocks.jitter(),
        )
        paused = await self._rows.note_failed(
            delivery,
            facts,
            again_after_seconds=again,
            gone=outcome.gone,
            pause_after_seconds=self._pause_after_seconds,
        )
        about = {"webhook_id": str(delivery.webhook_id), "delivery_id": str(delivery.id)}
        if again is None:
            _log.warning("webhook_delivery_dead", error_code=outcome.error_code, **about)
        if paused is not None:
            _log.warning("webhook_paused", reason=paused, **about)
