"""What `python -m chaos` is asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEAST_DOCUMENTS: Final = 60
SECONDS_PER_FAULT: Final = 6.0
DISTURBED_SHARE: Final = 0.4
"""Of the whole time: the rest is for the undisturbed run, for starting, and for coming to rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is done, and how much of it goes wrong.

    Attributes:
        seed: decides what happens: the documents, the work, the faults and their moments.
        faults: how many.
        documents: how many different documents there are, at least.
        minutes: for everything; who is not done by then has broken P5.
        base_port: the first of a hundred free ports.
        folder: where data and logs go; a new temporary folder if None.
        seconds: how long faults are made; None: as long as the other values suggest.
    """

    seed: int
    faults: int = 40
    documents: int = 500
    minutes: float = 10.0
    base_port: int = 22900
    folder: Path | None = None
    seconds: float | None = None

    @property
    def fault_seconds(self) -> float:
        """How long faults are made; the work is spread over that time."""
        if self.seconds is not None:
            return self.seconds
        return min(self.faults * SECONDS_PER_FAULT, DISTURBED_SHARE * self.minutes * 60)

    @property
    def command(self) -> str:
        """What runs the same again."""
        return (
            f"make chaos SEED={self.seed} FAULTS={self.faults} DOCUMENTS={self.documents}"
            f" MINUTES={self.minutes:g}" + (f" SECONDS={self.seconds:g}" if self.seconds is not None else "")
        )


def parse(arguments: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Breaks a real stack while it works, and checks the five promises.",
    )
    parser.add_argument("seed", type=int, help="the same seed and options give the same work and faults")
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--documents", type=int, default=500, help="different documents, at least")
    parser.add_argument("--minutes", type=float, default=10.0, help="for everything")
    parser.add_argument("--base-port", type=int, default=22900, help="the first of a hundred free ports")
    parser.add_argument("--folder", type=Path, help="for data and logs; otherwise a temporary one")
    parser.add_argument("--seconds", type=float, help="how long faults are made")
    given = parser.parse_args(arguments)
    if given.faults < 1 or given.documents < LEAST_DOCUMENTS or given.minutes <= 0:
        parser.error(f"at least 1 fault and {LEAST_DOCUMENTS} documents, and some time, please")
    return Options(
        seed=given.seed,
        faults=given.faults,
        documents=given.documents,
        minutes=given.minutes,
        base_port=given.base_port,
        folder=given.folder,
        seconds=given.seconds,
    )
