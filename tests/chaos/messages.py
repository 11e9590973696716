"""Disorder among messages: which of them are doubled, late or out of order, and nothing else about NSQ."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DOUBLED = 0.3
LATE = 0.4
LATEST_MS = 4_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the messages of one publish.

    Attributes:
        now: those that go on at once, in another order.
        later: those that nsqd shall deliver only after so many milliseconds.
    """

    now: tuple[bytes, ...]
    later: tuple[tuple[int, bytes], ...]


@dataclass
class Disorder:
    """Decides what becomes of each message while it is on; without it, all goes on as it came.

    Attributes:
        is_on: whether anything happens.
        counts: what was done to how many messages.
    """

    seed: int
    is_on: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"messages {self.seed}")

    def fate_of(self, bodies: Sequence[bytes]) -> Fate:
        """The fate of what was published in one command."""
        if not self.is_on:
            return Fate(tuple(bodies), ())
        now: list[bytes] = []
        later: list[tuple[int, bytes]] = []
        for body in bodies:
            if self._dice.random() < LATE:
                later.append((self._dice.randint(50, LATEST_MS), body))
                self.counts["late"] += 1
            else:
                now.append(body)
            if self._dice.random() < DOUBLED:
                later.append((self._dice.randint(0, LATEST_MS), body))
                self.counts["doubled"] += 1
        self.counts["reordered"] += len(now) if len(now) > 1 else 0
        self._dice.shuffle(now)
        return Fate(tuple(now), tuple(later))
