"""SQL lives in files beside this module, one for each table: named queries, each with its comment."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

_NAME = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)


@cache
def queries(table: str) -> dict[str, str]:
    """The queries of ``<table>.sql`` by name.

    Raises:
        ValueError: a name stands twice in the file.
    """
    parts = _NAME.split((files("shared.postgres") / f"{table}.sql").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"{table}.sql names {name} twice.")
        # The name travels with the query, so that pg_stat_activity shows which one runs.
        found[name] = f"/* {table}.{name} */ {text.strip().removesuffix(';')}"
    return found


def tables() -> list[str]:
    """The names of all SQL files, for the test that prepares every query."""
    return sorted(
        entry.name.removesuffix(".sql")
        for entry in files("shared.postgres").iterdir()
        if entry.name.endswith(".sql")
    )


def json_text(value: object) -> str:
    """A list as JSON text, to be an element of ``text[]``: asyncpg takes nested lists for dimensions."""
    return msgspec.json.encode(value).decode()
