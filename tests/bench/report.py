"""How the figures are written: a table for the terminal, a page for the documents. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.figures import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Mark, Section, Table

_PREAMBLE: Final = (
    "What `make bench` measured, written by it. Each figure stands beside that of a well-known tool, or of a plain "
    "script, on the same machine in the same run: ratios say more than rates. Runs take turns with their peers; the "
    "median counts. No test asserts any of it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """When and where it was measured.

    Attributes:
        date: ISO 8601.
        machine: cores and memory.
        load: the load average before the first part.
        command: what was run.
        versions: names and versions of all that took part.
    """

    date: str
    machine: str
    load: str
    command: str
    versions: tuple[tuple[str, str], ...]


def markdown_table(table: Table) -> str:
    """A table in Markdown, its numbers to the right."""
    rule = ["---", *["--:"] * (len(table.headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (table.headings, rule, *table.rows))


def plain_table(table: Table) -> str:
    """A table for the terminal."""
    rows = [table.headings, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.headings))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def marks_lines(marks: Sequence[Mark]) -> list[str]:
    """One line for each mark, for the terminal."""
    return [
        f"{'reached' if mark.reached else 'MISSED '}  {mark.what}: "
        f"{number(mark.value)}{mark.unit and ' ' + mark.unit} (wanted {mark.wanted})"
        for mark in marks
    ]


def plain(section: Section) -> str:
    """A part for the terminal."""
    blocks = [f"== {section.title}", *(plain_table(table) for table in section.tables)]
    return "\n\n".join([*blocks, "\n".join([*marks_lines(section.marks), *section.notes])]) + "\n"


def page(circumstances: Circumstances, sections: Sequence[Section]) -> str:
    """The whole document."""
    blocks = [
        "# Performance",
        _PREAMBLE,
        _circumstances(circumstances),
        "## Marks",
        _marks([mark for section in sections for mark in section.marks]),
    ]
    for section in sections:
        blocks += [f"## {section.title}", section.method]
        blocks += [markdown_table(table) for table in section.tables]
        if section.notes:
            blocks.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(blocks) + "\n"


def _circumstances(seen: Circumstances) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in seen.versions)
    lines = (
        f"- Date: {seen.date}",
        f"- Machine: {seen.machine}; load average before: {seen.load}",
        f"- Command: `{seen.command}`",
        f"- Versions: {versions}",
    )
    return "\n".join(lines)


def _marks(marks: Sequence[Mark]) -> str:
    rows = ["| | measured | wanted | |", "|---|--:|--:|---|"]
    rows += [
        f"| {mark.what} | {number(mark.value)}{mark.unit and ' ' + mark.unit} | {mark.wanted} "
        f"| {'reached' if mark.reached else '**missed**'} |"
        for mark in marks
    ]
    return "\n".join(rows)
