from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Rebuilds


class RebuildIndex:
    """Hands what people wish to have indexed anew to the consumers, a bounded part at a time.

    Objects are replaced as broken ones are, and stand in one line with them; few enough wait at any time that a broken
    one does not wait long. The old one serves until the new one is verified.
    """

    def __init__(
        self, *, rebuilds: Rebuilds, waiting_max: int, at_once: int, slices: int, remembered_seconds: float
    ) -> None:
        """``waiting_max``: objects of one rebuild that may wait at any time."""
        self._rebuilds = rebuilds
        self._remembered_seconds = remembered_seconds
        self._waiting_max = waiting_max
        self._at_once = at_once
        self._slices = slices

    async def run_once(self) -> dict[str, int]:
        """Note the next objects of each open rebuild; forget those that are long over."""
        noted = 0
        for rebuild_id in await self._rebuilds.open():
            for _ in range(self._slices):
                count = await self._rebuilds.advance(
                    rebuild_id, at_most=self._at_once, waiting_max=self._waiting_max
                )
                if not count:
                    break
                noted += count
        return {
            "noted": noted,
            "forgotten": await self._rebuilds.forget(after_seconds=self._remembered_seconds),
        }
