"""Webhooks: other systems that are told when runs end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.models.common import Page
from quern.models.webhooks import Delivery, Webhook
from quern.paging import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from quern.models.webhooks import DeliveryState, WebhookEvent
    from quern.transport import Transport


class Webhooks:
    """``/v1/webhooks``, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, limit: int = 50, offset: int = 0) -> Page[Webhook]:
        """Webhooks, newest first."""
        return await self._transport.get(Page[Webhook], "/v1/webhooks", {"limit": limit, "offset": offset})

    def walk(self) -> AsyncIterator[Webhook]:
        """All webhooks."""
        return walk(lambda limit, offset: self.list(limit=limit, offset=offset))

    async def get(self, webhook_id: UUID) -> Webhook:
        """One webhook."""
        return await self._transport.get(Webhook, f"/v1/webhooks/{webhook_id}")

    async def add(
        self,
        url: str,
        *,
        events: Sequence[WebhookEvent] | None = None,
        description: str = "",
        active: bool = True,
        secret: str | None = None,
    ) -> Webhook:
        """Make one. The answer alone has its secret.

        Args:
            url: where messages are sent to.
            events: what it is told about; everything if left out.
            description: what people call it.
            active: whether anything is sent.
            secret: ``whsec_`` and the base64 of 24 to 64 random bytes; made there if left out.
        """
        body: dict[str, object] = {"url": url, "description": description, "active": active}
        if events is not None:
            body["events"] = [*events]
        if secret is not None:
            body["secret"] = secret
        return await self._transport.send(Webhook, "POST", "/v1/webhooks", body=body)

    async def update(
        self,
        webhook_id: UUID,
        *,
        url: str | None = None,
        events: Sequence[WebhookEvent] | None = None,
        description: str | None = None,
        active: bool | None = None,
    ) -> Webhook:
        """Change what is given; ``active=True`` also ends a pause."""
        given = {
            "url": url,
            "events": None if events is None else [*events],
            "description": description,
            "active": active,
        }
        body = {name: value for name, value in given.items() if value is not None}
        return await self._transport.send(Webhook, "PATCH", f"/v1/webhooks/{webhook_id}", body=body)

    async def delete(self, webhook_id: UUID) -> None:
        """Send it nothing any more."""
        await self._transport.send_empty("DELETE", f"/v1/webhooks/{webhook_id}")

    async def replace_secret(
        self, webhook_id: UUID, *, secret: str | None = None, revoke: bool = False
    ) -> Webhook:
        """Give it another secret, which the answer alone has.

        Args:
            webhook_id: which.
            secret: as in :meth:`add`.
            revoke: the one before ends at once, instead of signing along for a while.
        """
        body: dict[str, object] = {"revoke": revoke}
        if secret is not None:
            body["secret"] = secret
        return await self._transport.send(Webhook, "POST", f"/v1/webhooks/{webhook_id}/secret", body=body)

    async def test(self, webhook_id: UUID) -> Delivery:
        """Have a ``webhook.ping`` sent; :meth:`delivery` tells what became of it."""
        return await self._transport.send(Delivery, "POST", f"/v1/webhooks/{webhook_id}/test")

    async def deliveries(
        self, webhook_id: UUID, *, status: DeliveryState | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Delivery]:
        """What was and will be sent to it, newest first."""
        params = {"status": status, "limit": limit, "offset": offset}
        return await self._transport.get(Page[Delivery], f"/v1/webhooks/{webhook_id}/deliveries", params)

    async def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """One of them."""
        return await self._transport.get(Delivery, f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}")

    async def redeliver(self, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Have it sent now, whatever became of it."""
        path = f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"
        return await self._transport.send(Delivery, "POST", path)
