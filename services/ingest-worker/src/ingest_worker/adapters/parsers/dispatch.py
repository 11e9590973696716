"""One entrance to all parsers: libraries are imported when the first document of their kind comes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ingest_worker.core.parser_exit import TOO_MUCH_MEMORY
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_PACKAGE = "ingest_worker.adapters.parsers."
_PARSERS = {
    DocumentType.HTML: ("html", "parse"),
    DocumentType.MARKDOWN: ("prose", "parse_markdown"),
    DocumentType.TEXT: ("prose", "parse_text"),
    DocumentType.PDF: ("pdf", "parse"),
    DocumentType.DOCX: ("docx", "parse"),
    DocumentType.CSV: ("csv_file", "parse"),
    DocumentType.XLSX: ("spreadsheet", "parse_xlsx"),
    DocumentType.XLS: ("spreadsheet", "parse_xls"),
    DocumentType.PARQUET: ("parquet", "parse"),
}


def parse(request: ParseRequest) -> Parsed:
    """Parse a document in this process.

    Raises:
        WorkError: with a code and a sentence for whatever is wrong with the document.
    """
    module, function = _PARSERS[request.kind]
    try:
        parsed: Parsed = getattr(importlib.import_module(_PACKAGE + module), function)(request)
    except MemoryError as error:
        raise WorkError(
            ErrorCode.TOO_LARGE,
            TOO_MUCH_MEMORY,
            retryable=False,
        ) from error
    except RecursionError as error:
        raise WorkError(
            ErrorCode.CORRUPT_FILE, "The document is nested too deeply to be read.", retryable=False
        ) from error
    return parsed
