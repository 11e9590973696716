"""Parquet, by pyarrow: batch by batch, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest_worker.adapters.parsers.source import corrupt, encrypted, open_binary, read_head, too_large
from ingest_worker.adapters.parsers.table_builder import TableBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_PLAIN, _ENCRYPTED = b"PAR1", b"PARE"
_BATCH_ROWS = 1024


def parse(request: ParseRequest) -> Parsed:
    """Parse a Parquet file.

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``empty_content``, ``too_large``.
    """
    head = read_head(request)
    if head.startswith(_ENCRYPTED):
        raise encrypted("Parquet file")
    if not head.startswith(_PLAIN):
        raise corrupt("Parquet")
    builder = TableBuilder(request)
    try:
        with open_binary(request) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            _check(file, request)
            schema = file.schema_arrow
            builder.add_sheet(_rows(file, schema.names), types=[_type(field.type) for field in schema])
    except MemoryError:  # Arrow's own is one, and an ArrowException too
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        if "encrypt" in str(error).lower() or "decrypt" in str(error).lower():
            raise encrypted("Parquet file") from error
        raise corrupt("Parquet", type(error).__name__) from error
    return builder.result()


def _check(file: Any, request: ParseRequest) -> None:
    """Refuse by the file's own figures, before anything is unpacked."""
    metadata = file.metadata
    limits = request.limits
    if metadata.num_rows > limits.max_table_rows:
        raise too_large(
            f"The table has {metadata.num_rows:,} rows; {limits.max_table_rows:,} are allowed. Split it into several files."
        )
    if len(file.schema_arrow) > limits.max_table_columns:
        raise too_large(
            f"The table has {len(file.schema_arrow):,} columns; {limits.max_table_columns:,} are allowed."
        )
    unpacked = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if unpacked > limits.max_unpacked_bytes:
        raise too_large(
            f"The table unpacks to {unpacked >> 20:,} MiB; {limits.max_unpacked_bytes >> 20:,} MiB are allowed."
        )


def _rows(file: Any, names: list[str]) -> Iterator[Any]:
    yield names
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        yield from zip(*(_values(column) for column in batch.columns), strict=True)


def _values(column: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's datetime holds microseconds
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (
        ValueError,
        OverflowError,
        pa.ArrowException,
    ):  # a date beyond Python's, nanoseconds within a struct
        values = [_value(scalar) for scalar in column]
    return values


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        pass
    try:
        return scalar.cast(pa.string()).as_py()
    except (ValueError, pa.ArrowException):
        return None


def _type(kind: Any) -> str:
    types = pa.types
    checks = (
        (types.is_boolean, "boolean"),
        (types.is_integer, "integer"),
        (types.is_floating, "number"),
        (types.is_decimal, "number"),
        (types.is_temporal, "datetime"),
        (types.is_string, "text"),
        (types.is_large_string, "text"),
    )
    if types.is_dictionary(kind):
        return _type(kind.value_type)
    return next((name for check, name in checks if check(kind)), "other")
