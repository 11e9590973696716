"""What no transaction may do: talk to others, ask another clock, hold what outlives it, lock twice and stronger."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from shared.postgres.sql import queries, tables
from support.reference_docs import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOOR: Final = TREE / "shared" / "src" / "shared" / "postgres"
MODULES: Final = sorted(DOOR.rglob("*.py"))
OTHERS: Final = re.compile(
    r"(aiohttp|httpx|grpc|nsq|socket|urllib|http|weaviate|shared\.(blobs|embedding|net|queue|vectors))(\.|$)"
)
CLOCKS: Final = re.compile(r"(time|shared\.clock\.now)(\.|$)")
SHARED_LOCKS: Final = {"sources.hold_group", "sources.hold_live", "tenants.hold_live"}
"""Each is of a row that its transaction never locks in a stronger way."""


def imports(path: Path) -> Iterator[str]:
    """What a module names of others, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(DOOR)))
def test_inside_a_transaction_nobody_else_is_talked_to_and_no_other_clock_is_asked(path: Path) -> None:
    assert [name for name in imports(path) if OTHERS.match(name) or CLOCKS.match(name)] == []


def test_a_connection_is_seen_behind_the_door_alone() -> None:
    outside = [
        path
        for root in ("services", "shared")
        for path in (TREE / root).rglob("*.py")
        if not path.is_relative_to(DOOR)
    ]
    assert len(outside) > 100
    assert [p for p in outside if "shared.postgres.database.Connection" in set(imports(p))] == []


@pytest.mark.parametrize("table", tables())
def test_locks_end_with_their_transaction_and_are_never_made_stronger(table: str) -> None:
    for name, sql in queries(table).items():
        assert not re.search(r"pg_(try_)?advisory_lock|\bLISTEN\b", sql), f"{table}.{name}"
        if re.search(r"FOR (KEY )?SHARE", sql):
            assert f"{table}.{name}" in SHARED_LOCKS
