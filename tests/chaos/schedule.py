"""Which faults are made when: decided by the seed alone, before anything runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICES: Final = (
    "ingest-worker-1",
    "ingest-worker-2",
    "result-consumer-1",
    "result-consumer-2",
    "janitor",
    "janitor-2",
    "gateway",
    "gateway-2",
)
SERVERS: Final = ("postgres", "nsqd", "nsqlookupd", "weaviate")
MESSAGES: Final = "messages"


class Kind(StrEnum):
    """What goes wrong."""

    KILL = "kill -9"
    FREEZE = "freeze"
    RESTART = "restart"
    DISORDER = "disorder"
    WIPE_NSQD = "wipe nsqd"
    WIPE_WEAVIATE = "wipe weaviate"


SHARES: Final = {Kind.FREEZE: 0.22, Kind.RESTART: 0.12, Kind.DISORDER: 0.14, Kind.WIPE_NSQD: 0.07}
"""Of all faults; the rest are kills."""
FAULTS_PER_WIPED_WEAVIATE: Final = 25
MOST_WIPED_WEAVIATES: Final = 5
RECOVERY_SECONDS: Final = {
    Kind.KILL: 4.0,
    Kind.FREEZE: 4.0,
    Kind.RESTART: 8.0,
    Kind.DISORDER: 1.0,
    Kind.WIPE_NSQD: 8.0,
    Kind.WIPE_WEAVIATE: 15.0,
}
"""How long its target is spared afterwards, so that each fault meets something that works."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        at: seconds since the first moment in which faults are made.
        kind: what goes wrong.
        target: whom it meets: a process, or the messages on their way into nsqd.
        seconds: how long it lasts, where it does.
    """

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:8.2f} s  {self.kind:<14} {self.target}{lasts}"


def plan(*, seed: int, faults: int, seconds: float, lease_seconds: float) -> list[Fault]:
    """The schedule, in the order of its moments.

    Args:
        seed: equal ones give equal schedules.
        faults: how many.
        seconds: over which they are spread.
        lease_seconds: frozen processes stay so for longer than this.
    """
    dice = random.Random(f"faults {seed}")
    kinds = _kinds(dice, faults)
    whom = _Targets(dice)
    planned: list[Fault] = []
    step = seconds / faults
    for index, kind in enumerate(kinds):
        at = (index + dice.uniform(0.1, 0.9)) * step
        lasts = _lasts(dice, kind, lease_seconds)
        target = whom.choose(kind, at, until=at + lasts + RECOVERY_SECONDS[kind])
        planned.append(Fault(round(at, 2), kind, target, round(lasts, 1)))
    return planned


def _kinds(dice: random.Random, faults: int) -> list[Kind]:
    counts = {kind: max(1, round(share * faults)) for kind, share in SHARES.items()}
    counts[Kind.WIPE_WEAVIATE] = min(
        MOST_WIPED_WEAVIATES, max(faults >= 8, faults // FAULTS_PER_WIPED_WEAVIATE)
    )
    kinds = [kind for kind, count in counts.items() for _ in range(count)][:faults]
    kinds += [Kind.KILL] * (faults - len(kinds))
    dice.shuffle(kinds)
    return kinds


def _lasts(dice: random.Random, kind: Kind, lease_seconds: float) -> float:
    if kind is Kind.FREEZE:
        return lease_seconds + dice.uniform(1.0, 4.0)
    if kind is Kind.DISORDER:
        return dice.uniform(5.0, 15.0)
    return 0.0


class _Targets:
    """Deals targets so that each gets its share, and never one that still has to do with an earlier fault."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._waiting: dict[Kind, list[str]] = {}
        self._busy: dict[str, float] = {}

    def choose(self, kind: Kind, at: float, *, until: float) -> str:
        names = self._candidates(kind)
        target = next((name for name in names if self._busy.get(name, 0.0) <= at), names[0])
        names.remove(target)
        self._busy[target] = max(until, self._busy.get(target, 0.0))
        return target

    def _candidates(self, kind: Kind) -> list[str]:
        if kind is Kind.DISORDER:
            return [MESSAGES]
        if kind is Kind.WIPE_NSQD:
            return ["nsqd"]
        if kind is Kind.WIPE_WEAVIATE:
            return ["weaviate"]
        names = self._waiting.setdefault(kind, [])
        if len(names) <= len(SERVERS):
            names += self._shuffled((*SERVICES, *SERVERS))
        return names

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return self._dice.sample(names, len(names))
