from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Objects


class DiscardSuperseded:
    """Marks objects for deletion that nothing serves: superseded longer than any search takes, or never activated.

    The mark is committed before Weaviate is touched, so that a roll back never takes one of them.
    """

    def __init__(
        self, *, objects: Objects, grace_seconds: float, unused_after_seconds: float, at_most: int
    ) -> None:
        self._objects = objects
        self._grace_seconds = grace_seconds
        self._unused_after_seconds = unused_after_seconds
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Mark what is due."""
        return {
            "superseded": await self._objects.discard_superseded(
                grace_seconds=self._grace_seconds, at_most=self._at_most
            ),
            "unused": await self._objects.discard_unused(
                after_seconds=self._unused_after_seconds, at_most=self._at_most
            ),
        }
