"""DOCX, by mammoth: Word's styles become HTML, and that Markdown."""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError
from xml.sax import SAXException

import mammoth

from ingest_worker.adapters.parsers.finish import clean_title, from_markdown
from ingest_worker.adapters.parsers.html_convert import html_to_markdown
from ingest_worker.adapters.parsers.office_zip import check_package
from ingest_worker.adapters.parsers.source import corrupt, open_binary
from ingest_worker.core.markdown_blocks import Kind, scan
from ingest_worker.core.markdown_inline import plain_title

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest
    from shared.contracts.content import Parsed

_MEMBER = "word/document.xml"
_PROPERTIES = "docProps/core.xml"
_PROPERTIES_BYTES = 100_000
_TITLE = re.compile(rb"<dc:title>([^<]*)</dc:title>")
_LANGUAGE = re.compile(rb"<dc:language>\s*([A-Za-z]{2})\b")
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, ExpatError, SAXException, KeyError, ValueError, IndexError, AttributeError, TypeError, OSError,
    NotImplementedError,
)  # fmt: skip
_NO_TITLE = ("word document", "document", "untitled")


def parse(request: ParseRequest) -> Parsed:
    """Parse a DOCX file.

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``empty_content``, ``too_large``.
    """
    check_package(request, what="DOCX", member=_MEMBER)
    try:
        with open_binary(request) as file:
            properties = _properties(file)
            document = mammoth.convert_to_html(file, convert_image=mammoth.images.img_element(_no_image))
    except _UNREADABLE as error:  # what mammoth and the modules below it raise at damaged XML
        raise corrupt("DOCX", type(error).__name__) from error
    markdown = html_to_markdown(document.value)
    return from_markdown(
        request,
        title=clean_title(request.title or _title(properties) or _heading(markdown) or request.name()),
        markdown=markdown,
        language=_language(properties),
    )


def _no_image(_: Any) -> dict[str, str]:
    return {}


def _properties(file: Any) -> bytes:
    with zipfile.ZipFile(file) as archive:
        if _PROPERTIES not in archive.namelist():
            return b""
        with archive.open(_PROPERTIES) as member:
            return member.read(_PROPERTIES_BYTES)


def _title(properties: bytes) -> str:
    match = _TITLE.search(properties)
    title = html.unescape(match.group(1).decode("utf-8", "replace")).strip() if match else ""
    return "" if title.lower() in _NO_TITLE else title


def _language(properties: bytes) -> str | None:
    match = _LANGUAGE.search(properties)
    return match.group(1).decode().lower() if match else None


def _heading(markdown: str) -> str:
    """The document's first heading, where the document begins with it."""
    block = next(scan(markdown[:20_000]), None)
    return plain_title(block.lines[0]) if block is not None and block.kind is Kind.HEADING else ""
