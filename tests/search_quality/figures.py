"""Recall and mean reciprocal rank. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPTH: Final = 10
"""Places that count: one page of answers."""

NEAR: Final = 5
"""Places that recall looks at."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well questions were answered.

    Attributes:
        recall: the share that an answer stood among the first :data:`NEAR` of.
        mrr: the mean of 1 / the place of the first answer, 0 where none is among the first :data:`DEPTH`.
        questions: how many were asked.
    """

    recall: float
    mrr: float
    questions: int


def place(found: Sequence[str], wanted: frozenset[str]) -> int | None:
    """Where the first answer stands, 1 being the best; None where it is not among the first :data:`DEPTH`."""
    return next((number for number, each in enumerate(found[:DEPTH], start=1) if each in wanted), None)


def figures(places: Sequence[int | None]) -> Figures:
    """What the places of all answers come to.

    Raises:
        ValueError: nothing was asked.
    """
    if not places:
        raise ValueError("no question was asked")
    near = sum(1 for each in places if each is not None and each <= NEAR)
    return Figures(near / len(places), sum(1 / each for each in places if each) / len(places), len(places))
