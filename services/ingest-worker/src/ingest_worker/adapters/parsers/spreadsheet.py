"""XLSX and XLS, by calamine."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from ingest_worker.adapters.parsers.office_zip import OLE_MAGIC, check_package
from ingest_worker.adapters.parsers.source import corrupt, encrypted, is_rust_panic, read_head
from ingest_worker.adapters.parsers.table_builder import TableBuilder

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed


def parse_xlsx(request: ParseRequest) -> Parsed:
    """Parse an XLSX workbook.

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``empty_content``, ``too_large``.
    """
    check_package(request, what="XLSX", member="xl/workbook.xml")
    return _parse(request, "XLSX")


def parse_xls(request: ParseRequest) -> Parsed:
    """Parse an XLS workbook (Excel 97 to 2003).

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``empty_content``, ``too_large``.
    """
    if not read_head(request).startswith(OLE_MAGIC):
        raise corrupt("XLS")
    return _parse(request, "XLS")


def _parse(request: ParseRequest, what: str) -> Parsed:
    builder = TableBuilder(request)
    try:
        workbook = _open(request)
        try:
            for name in workbook.sheet_names:
                sheet = workbook.get_sheet_by_name(name)
                builder.add_sheet(sheet.iter_rows(), name=name)
        finally:
            workbook.close()
    except PasswordError as error:
        raise encrypted(what) from error
    except (CalamineError, OSError, ValueError) as error:
        raise corrupt(what, type(error).__name__) from error
    except BaseException as error:
        if is_rust_panic(error):  # calamine panics at several kinds of damaged XLS
            raise corrupt(what) from error
        raise
    return builder.result()


def _open(request: ParseRequest) -> Any:
    if request.path is not None:
        return CalamineWorkbook.from_path(str(request.path))
    return CalamineWorkbook.from_filelike(io.BytesIO(request.body or b""))
