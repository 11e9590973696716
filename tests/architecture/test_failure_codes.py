"""The codes of failed work: stable, explained to people, and raised as the page about them says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from shared.errors import ErrorCode
from support.reference_docs import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = TREE / "docs" / "operations" / "failures.md"
ROW: Final = re.compile(r"^\| `(?P<code>\w+)` \| (?P<when>.+) \| (?P<retryable>[\w-]+) \| (?P<advice>.+) \|$")

#: What clients may rely on. Codes may be added, here as well; none goes, and none changes its meaning.
PUBLISHED: Final = {
    "unreachable",
    "timeout",
    "tls_error",
    "http_error",
    "rate_limited",
    "too_many_redirects",
    "blocked_address",
    "robots_disallowed",
    "robots_unavailable",
    "too_large",
    "unsupported_type",
    "empty_content",
    "encrypted",
    "corrupt_file",
    "parser_timeout",
    "parser_crashed",
    "lease_lost",
    "embedder_unavailable",
    "internal_error",
}

#: What the page may say of a code, and how it may be raised then.
ALLOWED: Final = {"yes": {True}, "no": {False}, "depends": {True, False}, "-": set[bool]()}
#: Calls that make a failure, with the name of the sentence among their arguments. The drivers of the work take
#: code, sentence and retryable in this order.
MAKERS: Final = {
    "WorkError": "sentence",
    "super().__init__": "sentence",
    "Failed": "sentence",
    "FailureReport": "sentence",
    "Ending": "error",
    "_failure": "sentence",
    "rows.fail": "sentence",
}
BY_PLACE: Final = {"WorkError", "super().__init__", "Failed"}


class Raised(NamedTuple):
    """One place in the code where work fails."""

    place: str
    codes: tuple[str, ...]
    sentence: ast.expr | None
    retryable: bool | None


def _argument(call: ast.Call, name: str, place: int) -> ast.expr | None:
    if ast.unparse(call.func) in BY_PLACE and len(call.args) > place:
        return call.args[place]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _codes(call: ast.Call) -> tuple[str, ...]:
    """The codes that this call itself names, not those of calls within it."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    named = [node for one in given if not isinstance(one, ast.Call) for node in ast.walk(one)]
    return tuple(
        ErrorCode[node.attr].value
        for node in named
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ErrorCode"
    )


def _of(place: str, call: ast.Call) -> Raised:
    given = _argument(call, "retryable", 2)
    return Raised(
        place,
        _codes(call),
        _argument(call, MAKERS[ast.unparse(call.func)], 1),
        bool(given.value) if isinstance(given, ast.Constant) else None,
    )


def _raised() -> Iterator[Raised]:
    for root in (TREE / "shared" / "src", *(TREE / "services").glob("*/src")):
        for path in sorted(root.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS and _codes(node):
                    yield _of(f"{path.relative_to(TREE)}:{node.lineno}", node)


RAISED: Final = list(_raised())
ROWS: Final = [found for line in PAGE.read_text("utf-8").splitlines() if (found := ROW.match(line))]


def test_codes_are_those_that_were_published() -> None:
    assert {code.value for code in ErrorCode} == PUBLISHED


def test_settings_that_the_page_names_exist() -> None:
    known = (PAGE.parent / "settings.md").read_text("utf-8")
    named = set(re.findall(r"QUERN_[A-Z_]+", PAGE.read_text("utf-8")))
    assert {name for name in named if f"`{name}`" not in known} == set()


def test_every_code_is_explained_once() -> None:
    assert sorted(row["code"] for row in ROWS) == sorted(PUBLISHED)


@pytest.mark.parametrize("row", ROWS, ids=[row["code"] for row in ROWS])
def test_work_fails_as_the_page_says(row: re.Match[str]) -> None:
    how: dict[str, set[bool | None]] = defaultdict(set)
    for raised in RAISED:
        for code in raised.codes:
            how[code].add(raised.retryable)
    found = how[row["code"]]
    assert found - {None} <= ALLOWED[row["retryable"]]
    assert bool(found) == (row["retryable"] != "-"), "raised nowhere, or although the page says never"
    if row["retryable"] == "depends":
        assert found == {True, False} or None in found
    assert row["when"].endswith(".")
    assert row["advice"].endswith(".")


@pytest.mark.parametrize("raised", RAISED, ids=[raised.place for raised in RAISED])
def test_every_failure_has_a_sentence(raised: Raised) -> None:
    """Its text begins here, or is a name for one that does elsewhere."""
    assert raised.sentence is not None
    literal = raised.sentence
    if isinstance(literal, ast.JoinedStr):
        parts = [part.value for part in literal.values if isinstance(part, ast.Constant)]
        assert any(len(str(part)) > 5 for part in parts)
    elif isinstance(literal, ast.Constant):
        assert len(str(literal.value)) > 10


def test_enough_places_are_seen() -> None:
    assert len(RAISED) > 35
    assert {raised.place.rpartition("/")[2].partition(":")[0] for raised in RAISED} >= {
        "indexer.py",
        "indexing.py",
        "upkeep_reclaims.py",
        "child.py",
        "errors.py",
    }
