"""CSV and TSV, by the standard library: read as a stream, whatever its delimiter and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from itertools import islice
from typing import IO, TYPE_CHECKING, Literal

from ingest_worker.adapters.parsers.charset import guess_encoding
from ingest_worker.adapters.parsers.source import corrupt, open_binary, read_head
from ingest_worker.adapters.parsers.table_builder import TableBuilder
from ingest_worker.core.tables_csv import MAX_FIELD_CHARACTERS, SAMPLE_CHARACTERS, choose_delimiter
from shared.content_types import looks_like_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed


def parse(request: ParseRequest) -> Parsed:
    """Parse a CSV file.

    Raises:
        WorkError: ``empty_content``, ``corrupt_file`` (no text), ``too_large``.
    """
    if not looks_like_text(read_head(request)):
        raise corrupt("CSV", "it holds bytes that no text has")
    try:
        return _parse(request, quoting=csv.QUOTE_MINIMAL)
    except UnicodeDecodeError:  # its start was UTF-8, or ASCII, and the rest is not
        return _parse(request, quoting=csv.QUOTE_MINIMAL, utf8=False)
    except csv.Error:  # a quote that is never closed, with the rest of the file in it
        return _parse(request, quoting=csv.QUOTE_NONE, utf8=False)


def _parse(request: ParseRequest, *, quoting: Literal[0, 3], utf8: bool = True) -> Parsed:
    builder = TableBuilder(request)
    with open_binary(request) as file:
        sample = file.read(SAMPLE_CHARACTERS)
        file.seek(0)
        encoding = guess_encoding(sample)
        strict = utf8 and encoding.startswith("utf-8")
        if not utf8 and encoding == "utf-8":
            encoding = _legacy(file)
        delimiter, skipped = choose_delimiter(sample.decode(encoding, "replace"))
        stream = io.TextIOWrapper(
            file, encoding=encoding, errors="strict" if strict else "replace", newline=""
        )
        builder.add_sheet(_rows(stream, delimiter, skipped, quoting))
        stream.detach()
    return builder.result()


def _legacy(file: IO[bytes]) -> str:
    """The encoding of a file that is not UTF-8 throughout, told around its first byte that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found = "utf-8"
    while block := file.read(SAMPLE_CHARACTERS):
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            found = guess_encoding(block)
            break
    file.seek(0)
    return found


def _rows(stream: IO[str], delimiter: str, skipped: int, quoting: Literal[0, 3]) -> Iterator[list[str]]:
    # Without quoting a field cannot run over lines, and may be as long as it likes.
    csv.field_size_limit(MAX_FIELD_CHARACTERS if quoting == csv.QUOTE_MINIMAL else sys.maxsize)
    return islice(csv.reader(stream, delimiter=delimiter, quoting=quoting), skipped, None)
