"""Webhooks: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.webhooks import Delivery, DeliveryList, Webhook, WebhookList
from gateway.http.paging import page, wanted

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery, PageQuery
    from gateway.http.models.webhooks import DeliveriesQuery, SecretInput, WebhookInput, WebhookPatch
    from gateway.http.route import Call
    from gateway.ports import WebhookStore
    from gateway.usecases.webhooks import Webhooks


class WebhookHandlers:
    """Everything below /v1/webhooks."""

    def __init__(self, *, webhooks: Webhooks, store: WebhookStore) -> None:
        self._webhooks = webhooks
        self._store = store

    async def find(self, call: Call[PageQuery, NoBody]) -> WebhookList:
        """GET /v1/webhooks."""
        found = await self._store.find(call.caller.tenant_id, wanted(call.query))
        return page(WebhookList, call.query, (Webhook.of(row) for row in found.items), found.total)

    async def add(self, call: Call[NoQuery, WebhookInput]) -> Webhook:
        """POST /v1/webhooks."""
        body = call.body
        row, secret = await self._webhooks.add(
            call.caller,
            url=body.url,
            events=body.events,
            description=body.description,
            active=body.active,
            secret=body.secret,
        )
        return Webhook.of(row, secret)

    async def get(self, call: Call[NoQuery, NoBody]) -> Webhook:
        """GET /v1/webhooks/{id}."""
        return Webhook.of(await self._store.get(call.caller.tenant_id, call.ids["webhook_id"]))

    async def change(self, call: Call[NoQuery, WebhookPatch]) -> Webhook:
        """PATCH /v1/webhooks/{id}."""
        body = call.body
        row = await self._webhooks.change(
            call.caller,
            call.ids["webhook_id"],
            url=body.url,
            events=body.events,
            description=body.description,
            active=body.active,
        )
        return Webhook.of(row)

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/webhooks/{id}."""
        await self._store.remove(caller=call.caller, webhook_id=call.ids["webhook_id"])

    async def replace_secret(self, call: Call[NoQuery, SecretInput]) -> Webhook:
        """POST /v1/webhooks/{id}/secret."""
        row, secret = await self._webhooks.replace_secret(
            call.caller, call.ids["webhook_id"], secret=call.body.secret, revoke=call.body.revoke
        )
        return Webhook.of(row, secret)

    async def test(self, call: Call[NoQuery, NoBody]) -> Delivery:
        """POST /v1/webhooks/{id}/test."""
        return Delivery.of(await self._store.ping(caller=call.caller, webhook_id=call.ids["webhook_id"]))

    async def deliveries(self, call: Call[DeliveriesQuery, NoBody]) -> DeliveryList:
        """GET /v1/webhooks/{id}/deliveries."""
        query = call.query
        found = await self._store.deliveries(
            call.caller.tenant_id, call.ids["webhook_id"], query.status, wanted(query)
        )
        return page(DeliveryList, query, (Delivery.of(row) for row in found.items), found.total)

    async def delivery(self, call: Call[NoQuery, NoBody]) -> Delivery:
        """GET /v1/webhooks/{id}/deliveries/{id}."""
        row = await self._store.delivery(
            call.caller.tenant_id, call.ids["webhook_id"], call.ids["delivery_id"]
        )
        return Delivery.of(row)

    async def redeliver(self, call: Call[NoQuery, NoBody]) -> Delivery:
        """POST /v1/webhooks/{id}/deliveries/{id}/redeliver."""
        row = await self._store.redeliver(
            caller=call.caller,
            webhook_id=call.ids["webhook_id"],
            delivery_id=call.ids["delivery_id"],
        )
        return Delivery.of(row)
