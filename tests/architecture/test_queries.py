"""Named queries: used where they are named, and named where they are used."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from shared.postgres.sql import queries, tables
from support.reference_docs import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator

DOOR = TREE / "shared" / "src" / "shared" / "postgres"
CODE = [path.read_text("utf-8") for path in DOOR.rglob("*.py")]
EVERY = [(table, name) for table in tables() for name in queries(table)]


def texts() -> Iterator[str]:
    for text in CODE:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


USED = frozenset(texts())
SUFFIXES = tuple(text for text in USED if text.startswith("_"))
"""Of names that are put together, such as that of the total beside a list."""


def is_used(name: str) -> bool:
    return name in USED or any(name.endswith(end) and name.removesuffix(end) in USED for end in SUFFIXES)


@pytest.mark.parametrize(("table", "name"), EVERY)
def test_every_query_is_used(table: str, name: str) -> None:
    assert is_used(name), f"{table}.sql names {name}, which nobody runs"


def test_every_file_of_queries_is_read() -> None:
    read = {name for text in CODE for name in re.findall(r'queries\("([a-z_]+)"\)', text)}
    assert read == set(tables())


@pytest.mark.parametrize("table", tables())
def test_every_line_of_sql_belongs_to_a_named_query(table: str) -> None:
    head = (DOOR / f"{table}.sql").read_text("utf-8").partition("-- name: ")[0]
    assert [line for line in head.splitlines() if line.strip() and not line.startswith("--")] == []


def test_sql_lives_in_files() -> None:
    statement = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s+\w+\s+(FROM|SET|AS|VALUES)\b")
    for text in CODE:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not statement.match(node.value), node.value
