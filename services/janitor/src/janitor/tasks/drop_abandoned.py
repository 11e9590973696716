from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Content


class DropAbandoned:
    """Removes content that nothing will ever serve: staged by tries that are over, or let go."""

    def __init__(self, *, content: Content, after_seconds: float, at_once: int, slices: int) -> None:
        self._content = content
        self._after_seconds = after_seconds
        self._at_once = at_once
        self._slices = slices

    async def run_once(self) -> dict[str, int]:
        """Remove the next slices."""
        changes: Counter[str] = Counter()
        for _ in range(self._slices):
            removed = await self._content.drop_abandoned(
                after_seconds=self._after_seconds, at_most=self._at_once
            )
            changes += removed
            if not removed:
                break
        changes["parts"] = await self._content.forget_parts(at_most=self._at_once)
        return dict(changes)
