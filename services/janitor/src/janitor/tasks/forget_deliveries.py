from __future__ import annotations

from typing import TYPE_CHECKING

from shared.observability.metrics import (
    OLDEST_WAITING_DELIVERY,
    WEBHOOK_DELIVERIES_WAITING,
    WEBHOOKS_PAUSED,
)

if TYPE_CHECKING:
    from janitor.ports import WebhookRows


class ForgetDeliveries:
    """Forgets deliveries that are old, and those of deleted webhooks."""

    def __init__(self, *, rows: WebhookRows, after_seconds: float, at_once: int, slices: int) -> None:
        self._rows = rows
        self._after_seconds = after_seconds
        self._at_once = at_once
        self._slices = slices

    async def run_once(self) -> dict[str, int]:
        """Forget the next ones, slice by slice."""
        forgotten = 0
        for _ in range(self._slices):
            some = await self._rows.forget(after_seconds=self._after_seconds, at_most=self._at_once)
            forgotten += some
            if not some:
                break
        return {"deliveries": forgotten}


class CountDeliveries:
    """Shows what waits for webhooks, and how many of them are paused."""

    def __init__(self, *, rows: WebhookRows) -> None:
        self._rows = rows

    async def run_once(self) -> dict[str, int]:
        """Count; nothing is changed."""
        figures = await self._rows.figures()
        WEBHOOK_DELIVERIES_WAITING.set(figures.waiting)
        OLDEST_WAITING_DELIVERY.set(figures.oldest_seconds)
        WEBHOOKS_PAUSED.set(figures.paused)
        return {}
