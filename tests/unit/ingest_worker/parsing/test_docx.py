from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError
from support import documents

if TYPE_CHECKING:
    from shared.contracts.content import Parsed


def docx(body: bytes, *, limits: ParserLimits | None = None) -> Parsed:
    return parse(
        ParseRequest(kind=DocumentType.DOCX, body=body, filename="pump.docx", limits=limits or ParserLimits())
    )


def damaged() -> bytes:
    """A package whose main part is no XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(documents.word())) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            data = b"<w:document" if info.filename == "word/document.xml" else source.read(info)
            target.writestr(info.filename, data)
    return out.getvalue()


def test_headings_lists_and_tables() -> None:
    parsed = docx(documents.word())
    assert parsed.title == "Pump manual"
    assert [chunk.heading_path for chunk in parsed.chunks] == [
        ("Pump manual",),
        ("Pump manual", "Maintenance"),
    ]
    assert "- Oil the bearing\n- Clean the filter" in parsed.markdown
    assert "| gasket | 4.20 |" in parsed.markdown


def test_the_property_is_the_title() -> None:
    assert docx(documents.word(title="Pumps &amp; valves")).title == "Pumps &amp; valves"
    assert docx(documents.word(title="Pumps & valves")).title == "Pumps & valves"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (documents.encrypted_office(), ErrorCode.ENCRYPTED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), ErrorCode.CORRUPT_FILE),
        (documents.page_html(), ErrorCode.CORRUPT_FILE),
        (documents.PNG, ErrorCode.CORRUPT_FILE),
        (documents.word()[:2000], ErrorCode.CORRUPT_FILE),
        (documents.xlsx(), ErrorCode.CORRUPT_FILE),
        (damaged(), ErrorCode.CORRUPT_FILE),
        (documents.zip_bomb(member="word/document.xml", megabytes=100), ErrorCode.TOO_LARGE),
        (b"", ErrorCode.EMPTY_CONTENT),
    ],
)
def test_what_cannot_be_read(body: bytes, code: ErrorCode) -> None:
    with pytest.raises(WorkError) as caught:
        docx(body)
    assert caught.value.code is code
    assert not caught.value.retryable


def test_a_package_may_unpack_to_so_much_and_no_more() -> None:
    with pytest.raises(WorkError, match="MiB are allowed") as caught:
        docx(documents.word(paragraphs=["x" * 1000] * 2000), limits=ParserLimits(max_unpacked_bytes=1 << 20))
    assert caught.value.code is ErrorCode.TOO_LARGE
