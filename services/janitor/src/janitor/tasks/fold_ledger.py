from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from janitor.ports import Sums


class FoldLedger:
    """Keeps the ledger short: many deltas become one row for each tenant."""

    def __init__(self, *, sums: Sums, at_most: int) -> None:
        self._sums = sums
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Fold the oldest deltas."""
        return {"folded": await self._sums.fold_ledger(at_most=self._at_most)}
