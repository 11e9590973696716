from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from shared.content import content_hash
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError
from support import documents

if TYPE_CHECKING:
    from pathlib import Path

    from shared.contracts.content import Parsed

COLUMNS = [
    ("order", "integer"),
    ("customer", "text"),
    ("amount", "number"),
    ("paid", "boolean"),
    ("ordered", "datetime"),
    ("customer (2)", "text"),
]
SMALL = ParserLimits(max_table_rows=10, max_table_columns=5, max_table_markdown_characters=200)


def table(kind: DocumentType, body: bytes, **more: Any) -> Parsed:
    return parse(ParseRequest(kind=kind, body=body, filename=f"orders.{kind}", **more))


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        (DocumentType.CSV, documents.comma_separated(), ("orders",)),
        (DocumentType.XLSX, documents.xlsx(), ("orders", "Orders")),
        (DocumentType.XLS, documents.xls(), ("orders", "Orders")),
    ],
)
def test_a_table_in_each_format(
    kind: DocumentType, body: bytes, path: tuple[str, ...], tmp_path: Path
) -> None:
    parsed = table(kind, body)
    assert [(column.name, column.type) for column in parsed.columns] == COLUMNS
    (chunk,) = parsed.chunks
    assert (chunk.heading_path, chunk.row) == (path, 1)
    rows = chunk.text.lower().split("\n")
    assert rows[0].startswith(
        "order: 1; customer: ada lovelace; loose; amount: 12.5; paid: true; ordered: 2024-01-15"
    )
    assert len(rows) == 3
    assert "| 3 | Edsger Dijkstra |" in parsed.markdown
    file = tmp_path / "blob"
    file.write_bytes(body)
    assert parse(ParseRequest(kind=kind, path=file, filename=f"orders.{kind}")) == parsed


def test_parquet_with_nested_binary_and_nanosecond_values() -> None:
    parsed = table(DocumentType.PARQUET, documents.parquet())
    assert [column.type for column in parsed.columns] == [
        "integer", "text", "number", "other", "other", "datetime", "datetime", "other", "boolean",
    ]  # fmt: skip
    first = parsed.chunks[0].text.split("\n")[0]
    assert first == (
        'id: 1; name: bolt; price: 0.5; tags: ["a", "b"]; size: {"x": 1, "y": 2}; '
        "seen: 2024-01-15 10:30:00+00:00; nano: 2023-11-14 22:13:20.123456; ok: true"
    )


def test_parquet_values_that_python_cannot_hold() -> None:
    far = pa.table({"when": pa.array([10**18], pa.timestamp("us")), "n": [1]})
    assert "n: 1" in table(DocumentType.PARQUET, documents.parquet(far)).chunks[0].text


def test_each_sheet_has_its_path_and_columns() -> None:
    body = documents.xlsx({"One": [["a", "b"], [1, 2]], "Empty": [], "Two": [[], ["a", "c"], ["x", 3]]})
    parsed = table(DocumentType.XLSX, body)
    assert [(chunk.heading_path, chunk.text) for chunk in parsed.chunks] == [
        (("orders", "One"), "a: 1; b: 2"),
        (("orders", "Two"), "a: x; c: 3"),
    ]
    assert [(column.name, column.type) for column in parsed.columns] == [
        ("a", "text"),
        ("b", "integer"),
        ("c", "integer"),
    ]
    assert "## Two" in parsed.markdown


def test_rows_are_counted_from_the_header() -> None:
    rows: list[list[Any]] = [["n", "text"], *([n, "word " * 30] for n in range(1, 21))]
    parsed = table(DocumentType.CSV, documents.comma_separated(rows), chunk_characters=500)
    numbers = [chunk.row for chunk in parsed.chunks]
    assert numbers[0] == 1
    assert all(chunk.text.startswith(f"n: {chunk.row};") for chunk in parsed.chunks)
    assert sum(chunk.text.count("n: ") for chunk in parsed.chunks) == 20


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(";", "utf-8"), ("\t", "utf-8-sig"), ("|", "utf-16"), (",", "cp1252"), (";", "utf-8-sig")],
)
def test_csv_dialects(delimiter: str, encoding: str) -> None:
    rows: list[list[Any]] = [
        ["Größe", "Name"],
        *([n, f"Müller-Lüdenscheidt aus Köln, Nummer {n}"] for n in range(30)),
    ]
    parsed = table(DocumentType.CSV, documents.comma_separated(rows, delimiter=delimiter, encoding=encoding))
    assert [column.name for column in parsed.columns] == ["Größe", "Name"]
    assert "Name: Müller-Lüdenscheidt aus Köln, Nummer 29" in parsed.chunks[-1].text


def test_csv_that_is_not_utf_8_after_all() -> None:
    rows: list[list[Any]] = [
        ["id", "name"],
        *([n, "plain ascii words that go on and on"] for n in range(3000)),
    ]
    body = documents.comma_separated(rows) + "3000,Häßliche Gäßchen über München\r\n".encode("cp1252")
    assert "Häßliche Gäßchen über München" in table(DocumentType.CSV, body).chunks[-1].text


def test_csv_with_a_quote_that_is_never_closed_loses_no_row() -> None:
    body = b'a,b\n1,"open\n' + b"2,x\n" * 50_000
    parsed = table(DocumentType.CSV, body)
    assert sum(chunk.text.count("a: 2; b: x") for chunk in parsed.chunks) == 50_000


def test_header_alone_and_values_without_header() -> None:
    assert table(DocumentType.CSV, b"name,price\n").chunks[0].text == "name; price"
    assert table(DocumentType.CSV, b",,\n1,2,3\n").chunks[0].text == "1; 2; 3"
    assert table(DocumentType.CSV, b"a,b\n1,2,3\n").chunks[0].text == "a: 1; b: 2; 3"


def test_a_long_table_shows_its_start_and_changes_its_hash_with_every_row() -> None:
    rows: list[list[Any]] = [["n", "word"], *([n, "same"] for n in range(5000))]
    limits = ParserLimits(max_table_markdown_characters=1000)
    one = table(DocumentType.CSV, documents.comma_separated(rows), limits=limits)
    rows[-1][1] = "other"
    two = table(DocumentType.CSV, documents.comma_separated(rows), limits=limits)
    assert len(one.markdown) < 1300
    assert "more rows" in one.markdown
    assert one.content_hash == content_hash(one.title, one.markdown)
    assert one.content_hash != two.content_hash
    assert "n: 4999; word: other" in two.chunks[-1].text


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (DocumentType.CSV, bytes(range(256)) * 4, ErrorCode.CORRUPT_FILE),
        (DocumentType.CSV, b"\n\n,,\n", ErrorCode.EMPTY_CONTENT),
        (DocumentType.CSV, b"", ErrorCode.EMPTY_CONTENT),
        (DocumentType.CSV, b"a,b,c,d,e,f\n1,2,3,4,5,6\n", ErrorCode.TOO_LARGE),
        (DocumentType.CSV, b"a\n1,2,3,4,5,6\n", ErrorCode.TOO_LARGE),
        (DocumentType.CSV, b"a\n" + b"1\n" * 11, ErrorCode.TOO_LARGE),
        (DocumentType.XLSX, documents.xlsx({"s": [["a"], *[[1]] * 11]}), ErrorCode.TOO_LARGE),
        (DocumentType.XLSX, documents.zip_bomb(megabytes=100), ErrorCode.TOO_LARGE),
        (DocumentType.XLSX, documents.encrypted_office(), ErrorCode.ENCRYPTED),
        (DocumentType.XLSX, documents.word(), ErrorCode.CORRUPT_FILE),
        (DocumentType.XLSX, documents.xlsx()[:3000], ErrorCode.CORRUPT_FILE),
        (DocumentType.XLSX, documents.PNG, ErrorCode.CORRUPT_FILE),
        (DocumentType.XLSX, documents.xlsx({"s": []}), ErrorCode.EMPTY_CONTENT),
        (DocumentType.XLS, documents.comma_separated(), ErrorCode.CORRUPT_FILE),
        (DocumentType.XLS, documents.xls()[:1500], ErrorCode.CORRUPT_FILE),
        (DocumentType.XLS, documents.xls()[:1000], ErrorCode.CORRUPT_FILE),
        (DocumentType.PARQUET, documents.parquet()[:-100], ErrorCode.CORRUPT_FILE),
        (DocumentType.PARQUET, b"PAR1", ErrorCode.CORRUPT_FILE),
        (DocumentType.PARQUET, b"PARE" + bytes(100), ErrorCode.ENCRYPTED),
        (DocumentType.PARQUET, documents.PNG, ErrorCode.CORRUPT_FILE),
        (DocumentType.PARQUET, documents.parquet(pa.table({"a": list(range(11))})), ErrorCode.TOO_LARGE),
        (DocumentType.PARQUET, documents.parquet(pa.table({c: [1] for c in "abcdef"})), ErrorCode.TOO_LARGE),
    ],
)
def test_what_cannot_be_read(kind: DocumentType, body: bytes, code: ErrorCode) -> None:
    with pytest.raises(WorkError) as caught:
        table(kind, body, limits=SMALL)
    assert caught.value.code is code
    assert not caught.value.retryable
