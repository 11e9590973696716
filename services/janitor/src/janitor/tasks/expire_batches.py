from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Objects


class ExpireBatches:
    """Gives up index batches that nobody closed in time; what they may have written is deleted."""

    def __init__(self, *, objects: Objects, at_most: int) -> None:
        self._objects = objects
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Give up what has expired."""
        batches, objects = await self._objects.expire_batches(at_most=self._at_most)
        return {"batches": batches, "objects": objects}
