"""Webhooks over real rows, and the janitor's way of sending to them, driven step by step."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from janitor.adapters.webhook_http import WebhookHttp, open_session
from janitor.core.webhooks import RetryLimits
from janitor.tasks.send_webhooks import SendWebhooks
from janitor.usecases.deliver_webhook import Clocks, DeliverWebhook
from shared.addresses import parse_networks
from shared.clock import new_id, now
from shared.net.resolver import Resolver
from shared.postgres.webhook_sending import PostgresWebhookSending, SendingLimits
from shared.postgres.webhooks import PostgresWebhooks, WebhookWish
from shared.sealing import Sealer, new_webhook_secret
from shared.urls import parse_web_url
from support.fetchers import LOOPBACK, Names
from support.pipeline import CALLER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.postgres.webhooks import DeliveryRow, WebhookRow
    from support.pipeline import Pipeline

KEY = "a key of tests that has 32 characters or more"
EVENTS = ("run.succeeded", "run.failed", "run.cancelled", "run.skipped")
LIMITS = SendingLimits(per_host=4, per_tenant=8, in_all=16, seconds=60)
RETRIES = RetryLimits(max_attempts=3, base_seconds=100, max_seconds=1000)


@dataclass
class Hooks:
    """Webhooks of a pipeline's database."""

    pipeline: Pipeline
    secrets: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = PostgresWebhooks(database=self.pipeline.gateway, at_most=20)
        self.rows = PostgresWebhookSending(database=self.pipeline.database)
        self.sealer = Sealer([KEY])

    async def add(
        self, url: str, *, events: Sequence[str] = EVENTS, caller: Caller = CALLER, **wish: Any
    ) -> WebhookRow:
        parsed, webhook_id = parse_web_url(url), new_id()
        secret = self.secrets[webhook_id] = new_webhook_secret()
        return await self.store.add(
            caller=caller,
            webhook_id=webhook_id,
            wish=WebhookWish(url=parsed.href, host=parsed.host_key, events=events, **wish),
            secret=self.sealer.seal(secret, about=str(webhook_id)),
        )

    async def ping(self, webhook_id: UUID) -> DeliveryRow:
        return await self.store.ping(caller=CALLER, webhook_id=webhook_id)

    async def get(self, delivery: DeliveryRow) -> DeliveryRow:
        return await self.store.delivery(CALLER.tenant_id, delivery.webhook_id, delivery.id)

    async def make_due(self) -> None:
        """As if all pauses and leases were over."""
        await self.pipeline.rows(
            "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'waiting'"
        )

    @asynccontextmanager
    async def sending(
        self,
        *,
        allow: str = LOOPBACK,
        names: Names | None = None,
        timeout_seconds: float = 5.0,
        limits: SendingLimits = LIMITS,
        retries: RetryLimits = RETRIES,
        pause_after_seconds: float = 1000.0,
        sealer: Sealer | None = None,
        **options: Any,
    ) -> AsyncIterator[Sending]:
        resolver = Resolver(
            lookup=names or Names(localhost=["127.0.0.1"]),
            allow_networks=parse_networks(allow),
            timeout_seconds=1,
        )
        async with open_session(resolver=resolver, connect_timeout_seconds=2, **options) as session:
            task = SendWebhooks(
                rows=self.rows,
                delivering=DeliverWebhook(
                    rows=self.rows,
                    receivers=WebhookHttp(session=session, timeout_seconds=timeout_seconds),
                    sealer=sealer or self.sealer,
                    limits=retries,
                    pause_after_seconds=pause_after_seconds,
                    clocks=Clocks(now=now, seconds=monotonic, jitter=lambda: 0.0),
                ),
                limits=limits,
            )
            yield Sending(task)
            await task.close()


@dataclass
class Sending:
    """A janitor that sends."""

    task: SendWebhooks

    async def turn(self) -> int:
        """One turn, until all that it began has ended."""
        begun = (await self.task.run_once()).get("begun", 0)
        async with asyncio.timeout(30):
            while self.task._under_way:
                await asyncio.wait(list(self.task._under_way))
        return begun
