"""Measured figures, what they are held against, and how a part of the measurement tells about itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of every run, in the order of the runs."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value; what is reported."""
        return median(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A figure beside the limit that the project has set itself.

    Attributes:
        what: the figure, in words.
        value: the measured one.
        limit: the first value that is good enough.
        at_least: more is better; otherwise less is.
        unit: of both; empty for a ratio.
    """

    what: str
    value: float
    limit: float
    at_least: bool
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the figure is good enough."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def wanted(self) -> str:
        """The limit, as people write it."""
        return f"{'≥' if self.at_least else '≤'} {number(self.limit)}{self.unit and ' ' + self.unit}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headings; numbers are written alike everywhere."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Section:
    """What one part found out.

    Attributes:
        title: the part, in words.
        method: what was done, in sentences.
        tables: raw figures.
        marks: the figures that count.
        notes: what a reader should know to judge the figures.
    """

    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def number(value: float) -> str:
    """About three digits."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.4f}"


def runs_table(series: Sequence[Series]) -> Table:
    """One row for each series: every run, then the median."""
    runs = max(len(one.values) for one in series)
    headings = ("", *(f"run {turn + 1}" for turn in range(runs)), "median")
    rows = tuple(
        (
            f"{one.name}{one.unit and f' ({one.unit})'}",
            *(number(value) for value in one.values),
            *[""] * (runs - len(one.values)),
            number(one.median),
        )
        for one in series
    )
    return Table(headings, rows)


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median over the runs of one figure divided by the other of the same run."""
    return median(one / other for one, other in zip(of, to, strict=True))


def cpu_table(units: str, runs: Iterable[dict[str, float]], amounts: Sequence[float]) -> Table:
    """CPU milliseconds per unit for each kind of process, every run and the median."""
    per_run = list(runs)
    names = sorted({name for run in per_run for name in run})
    series = [
        Series(
            name,
            "",
            tuple(1000 * run.get(name, 0.0) / amount for run, amount in zip(per_run, amounts, strict=True)),
        )
        for name in names
    ]
    total = tuple(1000 * sum(run.values()) / amount for run, amount in zip(per_run, amounts, strict=True))
    ordered = sorted(series, key=lambda one: -one.median)
    table = runs_table([*ordered, Series("all", "", total)])
    return Table((f"CPU ms per {units}", *table.headings[1:]), table.rows)
