from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.core.tables import (
    ColumnTypes,
    cell_text,
    group_rows,
    header_names,
    markdown_row,
    row_parts,
    row_texts,
    type_of,
)
from ingest_worker.core.tables_csv import choose_delimiter


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (None, "", None),
        ("", "", None),
        ("  a\n b ", "a b", "text"),
        ("nul\x00", "nul", "text"),
        (True, "true", "boolean"),
        (3, "3", "integer"),
        (3.0, "3", "integer"),
        (0.1, "0.1", "number"),
        (float("nan"), "", None),
        (float("inf"), "inf", "number"),
        (1e300, "1e+300", "integer"),
        (Decimal("1.10"), "1.10", "number"),
        (date(2024, 1, 5), "2024-01-05", "datetime"),
        (datetime(2024, 1, 5, 10, 30, tzinfo=UTC), "2024-01-05 10:30:00+00:00", "datetime"),
        (time(10, 30), "10:30:00", "datetime"),
        (timedelta(hours=1), "1:00:00", "datetime"),
        ([1, "ä"], '[1, "ä"]', "other"),
        ({"d": date(2024, 1, 5)}, '{"d": "2024-01-05"}', "other"),
        (b"\x00", "", "other"),
    ],
)
def test_cells(value: Any, text: str, kind: str | None) -> None:
    assert cell_text(value) == text
    assert type_of(value) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12", "integer"),
        ("-3", "integer"),
        ("0", "integer"),
        ("007", "text"),
        ("0.5", "number"),
        ("1e5", "number"),
        ("1,5", "text"),
        ("True", "boolean"),
        ("2024-01-05", "datetime"),
        ("2024-01-05T10:30:00Z", "datetime"),
        ("2024-01-05 10:30", "datetime"),
        ("05.01.2024", "text"),
        ("x", "text"),
    ],
)
def test_types_of_text(text: str, kind: str) -> None:
    assert type_of(text) == kind


def test_columns_learn_from_all_rows() -> None:
    types = ColumnTypes(5)
    types.see(["1", "1", "x", "", "2024-01-01"])
    types.see(["2", "1.5", "1", ""])
    types.see(["", "3", "2", "", "2024-01-02", "beyond"])
    assert types.result() == ["integer", "number", "text", "text", "datetime"]


def test_headers_blank_and_repeated() -> None:
    assert header_names(["a", "", "b", "a", "", "a"]) == ["a", "", "b", "a (2)", "", "a (3)"]


@given(st.lists(st.sampled_from(["", "a", "a (2)", "a (3)", "b", "x" * 150]), max_size=12))
def test_headers_are_unique_where_they_are_not_blank(cells: list[str]) -> None:
    names = header_names(cells)
    named = [name for name in names if name]
    assert len(named) == len(set(named))
    assert [bool(name) for name in names] == [bool(cell) for cell in cells]


def test_rows_name_their_cells() -> None:
    assert row_parts(["a", "", "c"], ["1", "2", "", "4"]) == ["a: 1", "2", "4"]


@given(st.lists(st.text("ab ", max_size=400).map(str.strip), max_size=6), st.integers(100, 300))
def test_long_rows_are_cut_and_lose_nothing(cells: list[str], limit: int) -> None:
    pieces = row_texts([cell for cell in cells if cell], limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).replace(";", "").split()) == "".join("".join(cells).split())


@given(st.lists(st.lists(st.text("ab", min_size=1, max_size=100), min_size=1, max_size=3), max_size=20))
def test_rows_are_grouped_in_order(rows: list[list[str]]) -> None:
    groups = list(group_rows(enumerate(rows, start=1), 100))
    assert [line for _, text in groups for line in text.split("\n")] == [
        piece for row in rows for piece in row
    ]
    assert all(len(text) <= 100 for _, text in groups)
    for number, text in groups:
        assert text.split("\n")[0] in rows[number - 1]


def test_markdown_rows_are_escaped_and_filled() -> None:
    assert markdown_row(["a|b"], 2) == "| a\\|b |  |"


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("a,b\n1,2\n", (",", 0)),
        ("a;b\n1,5;2\n3,5;4\n", (";", 0)),
        ("a\tb\n1\t2\n", ("\t", 0)),
        ("a|b|c\n1|2|3\n", ("|", 0)),
        ("sep=;\na;b\n", (";", 1)),
        ("one column\nonly words here\n", (",", 0)),
        ('"a;b",c\n"d;e",f\n', (",", 0)),
        ('"never closed\n' * 3, (",", 0)),
        ("", (",", 0)),
    ],
)
def test_delimiters(sample: str, expected: tuple[str, int]) -> None:
    assert choose_delimiter(sample) == expected
