"""What a loop does while one of our own servers is away: it waits longer and longer, and says so once."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from shared.errors import DependencyError

_log = structlog.get_logger(__name__)

_MOST_DOUBLINGS: Final = 20


class Outage:
    """One loop's view of the outages that it meets.

    Args:
        activity: what waits, verb first, for log lines (``renew_lease``).
        first_seconds: the pause after the first failure; it doubles with each further one.
        longest_seconds: the longest pause.
        aloud: False for loops of which there are many at once, each of which would say the same.
    """

    def __init__(
        self,
        *,
        activity: str,
        first_seconds: float = 0.5,
        longest_seconds: float = 15.0,
        aloud: bool = True,
    ) -> None:
        self._activity = activity
        self._aloud = aloud
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._tries = 0
        self._dependency = ""
        self._since = 0.0

    @property
    def under_way(self) -> bool:
        """Whether the latest try failed."""
        return self._tries > 0

    def failed(self, error: DependencyError) -> float:
        """A try failed: how many seconds to wait before the next one, 20 % more or less by chance.

        Told at level warning when the outage begins, or another dependency is the reason; else at debug.
        """
        if not self._tries:
            self._since = time.monotonic()
        news = self._aloud and error.dependency != self._dependency
        self._dependency = error.dependency
        self._tries += 1
        (_log.warning if news else _log.debug)(
            "dependency_awaited", activity=self._activity, dependency=error.dependency, detail=str(error)
        )
        pause: float = min(
            self._first_seconds * 2 ** min(self._tries - 1, _MOST_DOUBLINGS), self._longest_seconds
        )
        return pause * random.uniform(0.8, 1.2)  # noqa: S311  (spreads load, guards nothing)

    def over(self) -> None:
        """A try succeeded."""
        if not self._tries:
            return
        (_log.info if self._aloud else _log.debug)(
            "dependency_answers_again",
            activity=self._activity,
            dependency=self._dependency,
            tries=self._tries,
            seconds=round(time.monotonic() - self._since, 1),
        )
        self._tries, self._dependency = 0, ""
