"""When the steps of the work are due."""

from __future__ import annotations

import asyncio
import time
from typing import Final

AT_ONCE: Final = 10


class Pace:
    """Spreads the work over the time in which faults are made; without such a time, all of it is due at once.

    Args:
        seconds: that time; 0 for work that nothing disturbs.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()
        self.slots = asyncio.Semaphore(AT_ONCE)

    async def until(self, position: float) -> None:
        """Wait for a position from 0 to 1."""
        left = self._began + position * self._seconds - time.monotonic()
        if left > 0 and self._seconds:
            await asyncio.sleep(left)
