from __future__ import annotations

import pytest

from shared.content_types import MEDIA_TYPES, DocumentType, detect_type, is_table, suffix_of
from shared.errors import ErrorCode, WorkError
from support import documents

HTML = b"<!DOCTYPE html><html><body>x</body></html>"
ZIP = b"PK\x03\x04" + bytes(60)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("filename", "declared", "head", "expected"),
    [
        ("a.html", None, HTML, DocumentType.HTML),
        ("index.php", "text/html; charset=utf-8", HTML, DocumentType.HTML),
        (None, "text/html", b"plain words", DocumentType.HTML),
        (None, "application/xml", b"<?xml version='1.0'?>" + HTML, DocumentType.HTML),
        ("README.md", "text/html", HTML, DocumentType.HTML),
        ("README.md", "text/html", b"# Hello", DocumentType.MARKDOWN),
        ("README.md", "application/octet-stream", b"# Hello", DocumentType.MARKDOWN),
        ("README.MD", None, b"<html> is a tag", DocumentType.MARKDOWN),
        ("llms.txt", "text/plain", b"# Site", DocumentType.MARKDOWN),
        ("notes.txt", "text/plain", b"ID3 tags are old", DocumentType.TEXT),
        ("LICENSE", "text/plain", b"Permission", DocumentType.TEXT),
        ("LICENSE", None, b"Permission", DocumentType.TEXT),
        ("main.py", "text/plain", b"x = 1", DocumentType.TEXT),
        ("a.pdf", "application/pdf", b"%PDF-1.7", DocumentType.PDF),
        ("download", "application/octet-stream", b"%PDF-1.7", DocumentType.PDF),
        ("a.docx", None, b"%PDF-1.7", DocumentType.PDF),
        ("a.pdf", None, b"\r\njunk %PDF-1.4", DocumentType.PDF),
        ("a.pdf", None, b"no pdf at all", DocumentType.PDF),
        ("a.docx", None, HTML, DocumentType.DOCX),
        ("a.docx", None, ZIP, DocumentType.DOCX),
        ("a.docx", None, OLE, DocumentType.DOCX),
        ("a.xlsx", None, OLE, DocumentType.XLSX),
        ("a.xls", "application/vnd.ms-excel", OLE, DocumentType.XLS),
        ("a.csv", "application/vnd.ms-excel", b"a,b\n", DocumentType.CSV),
        ("a.csv", "text/plain", b"a,b\n", DocumentType.CSV),
        ("a.tsv", None, b"a\tb\n", DocumentType.CSV),
        ("export", "text/csv", b"a,b\n", DocumentType.CSV),
        ("a.parquet", None, b"PAR1\x00", DocumentType.PARQUET),
        ("a.parquet", None, b"PARE\x00", DocumentType.PARQUET),
        ("part-0", "application/octet-stream", b"PAR1\x00", DocumentType.PARQUET),
        ("text.txt", None, b"PAR1 is a marker", DocumentType.TEXT),
    ],
)
def test_detected(filename: str | None, declared: str | None, head: bytes, expected: DocumentType) -> None:
    assert detect_type(filename, declared, head) is expected


@pytest.mark.parametrize(
    ("filename", "declared", "head"),
    [
        ("scan.pdf", "application/pdf", documents.PNG),
        ("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
        ("a.zip", "application/zip", ZIP),
        ("a.txt", None, ZIP),
        ("a.doc", "application/msword", OLE),
        ("a.json", "application/json", b"{}"),
        ("a.json", "text/plain", b"{}"),
        ("feed.xml", "application/xml", b"<?xml version='1.0'?><rss/>"),
        ("a.weird", "application/octet-stream", b"text"),
        ("blob", "application/octet-stream", bytes(100)),
        ("logo.svg", "image/svg+xml", b"<svg/>"),
        ("a.mp3", None, b"ID3\x03\x00\x00\x00"),
        ("a.docx", None, b"{\\rtf1"),
        ("a.gz", None, b"\x1f\x8b\x08\x00"),
    ],
)
def test_unsupported_types_say_what_is_supported(filename: str, declared: str | None, head: bytes) -> None:
    with pytest.raises(WorkError) as caught:
        detect_type(filename, declared, head)
    assert caught.value.code is ErrorCode.UNSUPPORTED_TYPE
    assert not caught.value.retryable
    assert "Markdown" in caught.value.sentence


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("a.pdf", documents.pdf()),
        ("a.docx", documents.word()),
        ("a.xlsx", documents.xlsx()),
        ("a.xls", documents.xls()),
        ("a.parquet", documents.parquet()),
        ("a.csv", documents.comma_separated()),
        ("a.html", documents.manual_html()),
    ],
)
def test_real_files_are_known_with_and_without_their_names(filename: str, data: bytes) -> None:
    expected = DocumentType(suffix_of(filename))
    assert detect_type(filename, None, data[:8192]) is expected
    assert detect_type("download", MEDIA_TYPES[expected], data[:8192]) is expected


def test_tables() -> None:
    assert {kind for kind in DocumentType if is_table(kind)} == {
        DocumentType.CSV,
        DocumentType.XLSX,
        DocumentType.XLS,
        DocumentType.PARQUET,
    }


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.B.TXT", "txt"), (".bashrc", ""), ("x", ""), (None, ""), ("c:\\d.e\\f", ""), ("a/b.c/d.md", "md")],
)
def test_suffixes(name: str | None, suffix: str) -> None:
    assert suffix_of(name) == suffix
