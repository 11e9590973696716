"""Runs the command line against the fake gateway."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from quern.cli import app


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def quern(url: str, *words: str) -> Ran:
    result = CliRunner().invoke(app, list(words), env={"QUERN_URL": url, "COLUMNS": "200"})
    unforeseen = result.exception if not isinstance(result.exception, SystemExit) else None
    assert unforeseen is None, repr(unforeseen)
    return Ran(result.exit_code, result.stdout, result.stderr)
