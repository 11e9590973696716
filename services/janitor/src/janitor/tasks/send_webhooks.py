from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from janitor.core.webhooks import Outcome
    from janitor.ports import WebhookDelivering, WebhookRows
    from shared.postgres.webhook_sending import Delivery, SendingLimits

_log = structlog.get_logger(__name__)

_TURN_SECONDS: Final = 30.0
"""Of one turn, however much there is: the next one begins where it ended."""

_GATHER_SECONDS: Final = 0.05
"""Between the end of one request and the next look for what is due: several that end together cost one look."""

_LOOK_AGAIN_SECONDS: Final = 1.0
"""Between two looks while nothing ends: what has become due meanwhile need not wait for a slow receiver."""


class SendWebhooks:
    """Sends what is due to webhooks. A turn claims what fits and waits for none of it longer than until the next look.

    The limits count rows, so that what is under way from an earlier turn, or from another janitor, counts as well.
    """

    def __init__(self, *, rows: WebhookRows, delivering: WebhookDelivering, limits: SendingLimits) -> None:
        self._rows = rows
        self._delivering = delivering
        self._limits = limits
        self._under_way: dict[asyncio.Task[None], Delivery] = {}

    async def run_once(self) -> dict[str, int]:
        """Begin all that is due."""
        begun = 0
        enough = asyncio.get_running_loop().time() + _TURN_SECONDS
        while asyncio.get_running_loop().time() < enough and (
            claimed := await self._rows.claim(self._limits)
        ):
            for delivery in claimed:
                self._begin(delivery)
            begun += len(claimed)
            await self._until_there_is_room()
        return {"begun": begun}

    async def close(self) -> None:
        """Break off what is under way, and hand it back: whoever comes next sends it, at worst for a second time."""
        broken_off = dict(self._under_way)
        for task in broken_off:
            task.cancel()
        await asyncio.gather(*broken_off, return_exceptions=True)
        if broken_off:
            try:
                await self._rows.hand_back(list(broken_off.values()))
            except DependencyUnavailableError as error:
                _log.warning("webhooks_not_handed_back", dependency=error.dependency)  # their leases end

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._under_way[task] = delivery
        task.add_done_callback(self._under_way.pop)

    async def _until_there_is_room(self) -> None:
        if self._under_way:
            await asyncio.wait(
                self._under_way, timeout=_LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        await asyncio.sleep(_GATHER_SECONDS)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            outcome: Outcome = await self._delivering.deliver(delivery)
        except DependencyUnavailableError as error:
            _log.warning("webhook_not_noted", delivery_id=str(delivery.id), dependency=error.dependency)
        except Exception:  # noqa: BLE001  (one delivery must not end the others)
            _log.exception("webhook_failed", delivery_id=str(delivery.id))
        else:
            _log.debug(
                "webhook_sent",
                delivery_id=str(delivery.id),
                http_status=outcome.http_status,
                error_code=outcome.error_code,
            )
