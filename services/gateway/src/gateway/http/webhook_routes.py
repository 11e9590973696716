"""The paths of webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.access import Access
from gateway.http.models import webhooks
from gateway.http.models.common import PageQuery
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.webhooks import WebhookHandlers


def webhook_routes(on: WebhookHandlers) -> tuple[AnyRoute, ...]:
    """Everything below ``/v1/webhooks``: for admins, because they let data of the tenant out."""
    return (*_webhooks(on), *_deliveries(on))


def _webhooks(on: WebhookHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "GET",
            "/webhooks",
            on.find,
            "List webhooks",
            query=PageQuery,
            answer=webhooks.WebhookList,
            access=Access.ADMIN,
        ),
        Route(
            "POST",
            "/webhooks",
            on.add,
            "Have another system told when runs end",
            body=webhooks.WebhookInput,
            status=201,
            answer=webhooks.Webhook,
            problems=("blocked_address", "too_many_webhooks", "no_seal_key"),
            access=Access.ADMIN,
        ),
        Route(
            "GET",
            "/webhooks/{webhook_id}",
            on.get,
            "Show a webhook",
            answer=webhooks.Webhook,
            access=Access.ADMIN,
        ),
        Route(
            "PATCH",
            "/webhooks/{webhook_id}",
            on.change,
            "Change a webhook, or end its pause",
            body=webhooks.WebhookPatch,
            answer=webhooks.Webhook,
            problems=("blocked_address",),
            access=Access.ADMIN,
        ),
        Route(
            "DELETE",
            "/webhooks/{webhook_id}",
            on.remove,
            "Delete a webhook: nothing is sent to it any more",
            status=204,
            access=Access.ADMIN,
        ),
        Route(
            "POST",
            "/webhooks/{webhook_id}/secret",
            on.replace_secret,
            "Replace the secret; the one before signs along for a while",
            body=webhooks.SecretInput,
            optional_body=True,
            answer=webhooks.Webhook,
            problems=("no_seal_key",),
            access=Access.ADMIN,
        ),
        Route(
            "POST",
            "/webhooks/{webhook_id}/test",
            on.test,
            "Send a webhook.ping",
            status=202,
            answer=webhooks.Delivery,
            problems=("webhook_inactive",),
            access=Access.ADMIN,
        ),
    )


def _deliveries(on: WebhookHandlers) -> tuple[AnyRoute, ...]:
    return (
        Route(
            "GET",
            "/webhooks/{webhook_id}/deliveries",
            on.deliveries,
            "List what was and will be sent to a webhook",
            query=webhooks.DeliveriesQuery,
            answer=webhooks.DeliveryList,
            access=Access.ADMIN,
        ),
        Route(
            "GET",
            "/webhooks/{webhook_id}/deliveries/{delivery_id}",
            on.delivery,
            "Show a delivery with its tries",
            answer=webhooks.Delivery,
            access=Access.ADMIN,
        ),
        Route(
            "POST",
            "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            on.redeliver,
            "Send a delivery now, whatever became of it",
            status=202,
            answer=webhooks.Delivery,
            problems=("webhook_inactive", "delivery_in_flight"),
            access=Access.ADMIN,
        ),
    )
