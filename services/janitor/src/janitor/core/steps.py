"""What a step of an errand comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.contracts.errands import Errand


@dataclass(frozen=True, slots=True)
class More:
    """There is more to do, after so many seconds; ``errand`` is how it stands now."""

    errand: Errand
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Complete:
    """All is done; ``errand`` is how it stands now."""

    errand: Errand


@dataclass(frozen=True, slots=True)
class Lost:
    """It is over, or another's: leave it."""


Step = More | Complete | Lost
