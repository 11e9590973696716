"""What people do with webhooks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.core.crawl import read_url
from gateway.core.errors import BlockedUrlError, InvalidRequestError
from shared.net.resolver import HostVerdict
from shared.postgres.webhooks import WebhookWish
from shared.signatures import InvalidSecretError, read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from gateway.ports import HostJudge, SecretSealer, WebhookStore
    from shared.contracts.caller import Caller
    from shared.postgres.webhooks import WebhookRow


class Webhooks:
    """Adds and changes webhooks: judges where they lead, makes and seals their secrets."""

    def __init__(
        self,
        *,
        store: WebhookStore,
        hosts: HostJudge,
        sealer: SecretSealer,
        new_id: Callable[[], UUID],
        new_secret: Callable[[], str],
        overlap_seconds: float,
    ) -> None:
        """``overlap_seconds`` is how long a secret that was replaced signs along."""
        self._store = store
        self._hosts = hosts
        self._sealer = sealer
        self._new_id = new_id
        self._new_secret = new_secret
        self._overlap_seconds = overlap_seconds

    async def add(
        self,
        caller: Caller,
        *,
        url: str,
        events: Sequence[str],
        description: str,
        active: bool,
        secret: str | None,
    ) -> tuple[WebhookRow, str]:
        """Make a webhook; with it its secret, which nobody is shown again.

        Raises:
            InvalidRequestError: the URL or the secret cannot be used.
            BlockedUrlError: the address may not be sent to.
            TooManyWebhooksError: the tenant has as many as it may have.
            NoKeyError: secrets cannot be kept.
        """
        wish = WebhookWish(description=description, events=_unique(events), active=active)
        wish = await self._leading_to(wish, url)
        webhook_id = self._new_id()
        secret, sealed = self._sealed(webhook_id, secret)
        row = await self._store.add(caller=caller, webhook_id=webhook_id, wish=wish, secret=sealed)
        return row, secret

    async def change(
        self,
        caller: Caller,
        webhook_id: UUID,
        *,
        url: str | None,
        events: Sequence[str] | None,
        description: str | None,
        active: bool | None,
    ) -> WebhookRow:
        """Change what is given.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: the URL cannot be used.
            BlockedUrlError: the address may not be sent to.
        """
        wish = WebhookWish(
            description=description, events=None if events is None else _unique(events), active=active
        )
        if url is not None:
            wish = await self._leading_to(wish, url)
        return await self._store.change(caller=caller, webhook_id=webhook_id, wish=wish)

    async def replace_secret(
        self, caller: Caller, webhook_id: UUID, *, secret: str | None, revoke: bool
    ) -> tuple[WebhookRow, str]:
        """Give it another secret; the one before signs along for a while, unless it is revoked.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: the secret cannot be used.
            NoKeyError: secrets cannot be kept.
        """
        secret, sealed = self._sealed(webhook_id, secret)
        row = await self._store.set_secret(
            caller=caller,
            webhook_id=webhook_id,
            secret=sealed,
            overlap_seconds=0.0 if revoke else self._overlap_seconds,
        )
        return row, secret

    async def _leading_to(self, wish: WebhookWish, url: str) -> WebhookWish:
        parsed = read_url(url, ("body", "url"))
        # A host that does not resolve is accepted: deliveries say so, and every connection is judged anew.
        if await self._hosts.check_host(parsed.host) is HostVerdict.BLOCKED:
            raise BlockedUrlError(
                f"{parsed.host} leads into a private or reserved network, which webhooks may not be sent to. "
                "An operator can allow networks with QUERN_WEBHOOK_ALLOW_NETWORKS."
            )
        return replace(wish, url=parsed.href, host=parsed.host_key)

    def _sealed(self, webhook_id: UUID, secret: str | None) -> tuple[str, bytes]:
        if secret is None:
            secret = self._new_secret()
        try:
            read_secret(secret)
        except InvalidSecretError as error:
            raise InvalidRequestError.at("body", "secret", msg=str(error)) from None
        return secret, self._sealer.seal(secret, about=str(webhook_id))


def _unique(events: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(events))
