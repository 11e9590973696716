"""What a command prints: one JSON document, or text for people. Notes, bars and errors go to stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quern.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from quern.errors import ClientError

PIPE_COLUMNS = 200
"""The width where there is no terminal: tables shall not be cut for a log file."""

STYLES = {
    "up": "green",
    "succeeded": "green",
    "ok": "green",
    "skipped": "cyan",
    "running": "yellow",
    "queued": "yellow",
    "degraded": "yellow",
    "warning": "yellow",
    "cancelled": "magenta",
    "failed": "bold red",
    "down": "bold red",
    "broken": "bold red",
}


class Output:
    """Where a command prints to.

    Args:
        as_json: whether programs read it.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def emit(self, data: Any, show: Callable[[Console], None]) -> None:
        """The result: ``data`` as JSON, or what ``show`` prints."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        else:
            show(self.out)

    def note(self, text: str) -> None:
        """A remark for people."""
        if not self.as_json:
            self.err.print(plain(text))

    def error(self, error: ClientError) -> None:
        """Why the command did not do what it should."""
        problem = error if isinstance(error, ProblemError) else None
        if self.as_json:
            sys.stderr.write(json.dumps({"error": _facts(error, problem)}, ensure_ascii=False) + "\n")
            return
        self.err.print(Text("Error: ", style="bold red") + plain(str(error)), soft_wrap=True)
        if problem is not None:
            where = f"{problem.code}, status {problem.status}, request {problem.request_id}"
            self.err.print(plain(f"       ({where})", style="dim"), soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, highlight=False, markup=False, width=None if stream.isatty() else PIPE_COLUMNS
    )


def _facts(error: ClientError, problem: ProblemError | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": type(error).__name__.removesuffix("Error").lower(), "detail": str(error)}
    if problem is not None:
        facts |= {"code": problem.code, "status": problem.status, "request_id": problem.request_id}
        facts |= problem.members
    return facts


def printable(text: str) -> str:
    """Text without what a terminal would obey: crawled pages choose their own titles."""
    return "".join(
        char if char in "\n\t" or not unicodedata.category(char).startswith("C") else " " for char in text
    )


def plain(text: str, style: str = "") -> Text:
    """Text that is printed as it stands."""
    return Text(printable(text), style=style)


def word(text: str) -> Text:
    """A status word in its colour."""
    return plain(text, STYLES.get(text, ""))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table without lines; ids are never broken."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, no_wrap=heading in {"ID", "RUN", "SOURCE", "STATUS"}, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(str(cell)) for cell in row))
    return made


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S}Z"
