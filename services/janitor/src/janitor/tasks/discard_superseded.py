from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Objects, StoreWatch


class DiscardSuperseded:
    """Marks objects for deletion that nothing serves: superseded longer than any search takes, or never activated.

    The mark is committed before Weaviate is touched, so that a roll back never takes one of them. After a restore or
    failover of Postgres nothing superseded is marked before everything was compared: hence the look before.
    """

    def __init__(
        self,
        *,
        objects: Objects,
        watch: StoreWatch,
        grace_seconds: float,
        unused_after_seconds: float,
        at_most: int,
    ) -> None:
        self._objects = objects
        self._watch = watch
        self._grace_seconds = grace_seconds
        self._unused_after_seconds = unused_after_seconds
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Mark what is due."""
        unused = await self._objects.discard_unused(
            after_seconds=self._unused_after_seconds, at_most=self._at_most
        )
        if (await self._watch.look()).is_full:
            return {"superseded": 0, "unused": unused}
        superseded = await self._objects.discard_superseded(
            grace_seconds=self._grace_seconds, at_most=self._at_most
        )
        return {"superseded": superseded, "unused": unused}
