from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.vectors.doors import Doors


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long one request may take, in seconds; an operation of several requests may take several times that."""

    query_seconds: float = 5.0
    write_seconds: float = 30.0
    readiness_seconds: float = 1.5


class Connected:
    """What the parts of the store share: the doors and the deadlines."""

    def __init__(self, *, doors: Doors, deadlines: Deadlines) -> None:
        self._doors = doors
        self._deadlines = deadlines
