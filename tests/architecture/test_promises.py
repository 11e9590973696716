"""The table of rules in docs/promises.md: what it names exists, and it names every test of a rule."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from support.reference_docs import TREE

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = TREE / "docs" / "promises.md"
ROW: Final = re.compile(r"^\| (R\d+) \| (?P<rule>.+?) \| `(?P<module>[^`]+)` \| (?P<tests>`.+`) \|$")
PLACES: Final = {
    "shared": "shared/src/shared",
    "gateway": "services/gateway/src/gateway",
    "ingest_worker": "services/ingest-worker/src/ingest_worker",
    "result_consumer": "services/result-consumer/src/result_consumer",
    "janitor": "services/janitor/src/janitor",
    "migrations": "migrations",
}


class Rule(NamedTuple):
    """A row of the table."""

    number: str
    module: str
    tests: list[str]


def rows() -> list[Rule]:
    """Every row; the page is read anew by whoever asks."""
    found = [ROW.match(line) for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| R")]
    return [Rule(row[1], row["module"], re.findall(r"`([^`]+)`", row["tests"])) for row in found if row]


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file, read without importing it."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


RULES: Final = rows()


def test_every_line_of_the_table_is_understood() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| R")]
    assert len(lines) == len(RULES) > 50
    assert [rule.number for rule in RULES] == [f"R{number:02d}" for number in range(1, len(RULES) + 1)]


@pytest.mark.parametrize("rule", RULES, ids=[rule.number for rule in RULES])
def test_a_rule_names_a_module_and_tests_that_exist(rule: Rule) -> None:
    package, _, rest = rule.module.partition("/")
    assert (TREE / PLACES[package] / rest).is_file()
    assert rule.tests
    for test in rule.tests:
        path, _, name = test.partition("::")
        assert (TREE / path).is_file(), f"{path} is not there"
        assert name in names_in(TREE / path), f"{test} is not there"


def test_every_test_of_a_rule_stands_in_the_table() -> None:
    named = {test for rule in RULES for test in rule.tests}
    paths = sorted((TREE / "tests" / "integration").glob("test_rule_*.py"))
    written = {f"{path.relative_to(TREE)}::{name}" for path in paths for name in names_in(path)}
    assert paths
    assert sorted(written - named) == []
