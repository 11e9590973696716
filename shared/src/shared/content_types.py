"""Which documents Quern reads, and how the type of a file or answer is told: by its bytes first.

Names and declared types lie (a PNG named ``.pdf``, a Markdown file served as ``text/html``), so the order is:
the magic bytes at the start, then HTML that is declared and looks like it, then the name's suffix, then the
declared content type, then a look at the text. Magic bytes are those of the formats' own specifications
(ISO 32000-2 7.5.2, PKWARE APPNOTE 4.3.7, MS-CFB 2.2, Apache Parquet's file format).
"""

from __future__ import annotations

from enum import StrEnum

from shared.errors import ErrorCode, WorkError


class DocumentType(StrEnum):
    """A kind of document for which there is a parser."""

    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"
    PDF = "pdf"
    DOCX = "docx"
    CSV = "csv"
    XLSX = "xlsx"
    XLS = "xls"
    PARQUET = "parquet"


HEAD_BYTES = 8192
"""How many of the first bytes :func:`detect_type` wants to see; fewer work, with less certainty."""

SUPPORTED = "HTML, Markdown, plain text, PDF, DOCX, CSV, XLSX, XLS and Parquet"

_SUFFIXES = {
    "html": DocumentType.HTML,
    "htm": DocumentType.HTML,
    "xhtml": DocumentType.HTML,
    "md": DocumentType.MARKDOWN,
    "markdown": DocumentType.MARKDOWN,
    "mdx": DocumentType.MARKDOWN,
    "txt": DocumentType.TEXT,
    "text": DocumentType.TEXT,
    "log": DocumentType.TEXT,
    "rst": DocumentType.TEXT,
    "pdf": DocumentType.PDF,
    "docx": DocumentType.DOCX,
    "csv": DocumentType.CSV,
    "tsv": DocumentType.CSV,
    "xlsx": DocumentType.XLSX,
    "xls": DocumentType.XLS,
    "parquet": DocumentType.PARQUET,
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DECLARED = {
    "text/html": DocumentType.HTML,
    "application/xhtml+xml": DocumentType.HTML,
    "text/markdown": DocumentType.MARKDOWN,
    "text/x-markdown": DocumentType.MARKDOWN,
    "text/plain": DocumentType.TEXT,
    "application/pdf": DocumentType.PDF,
    _OFFICE + "wordprocessingml.document": DocumentType.DOCX,
    "text/csv": DocumentType.CSV,
    "text/tab-separated-values": DocumentType.CSV,
    _OFFICE + "spreadsheetml.sheet": DocumentType.XLSX,
    "application/vnd.ms-excel": DocumentType.XLS,
    "application/vnd.apache.parquet": DocumentType.PARQUET,
}
MEDIA_TYPES = {
    DocumentType.HTML: "text/html",
    DocumentType.MARKDOWN: "text/markdown",
    DocumentType.TEXT: "text/plain",
    DocumentType.PDF: "application/pdf",
    DocumentType.DOCX: _OFFICE + "wordprocessingml.document",
    DocumentType.CSV: "text/csv",
    DocumentType.XLSX: _OFFICE + "spreadsheetml.sheet",
    DocumentType.XLS: "application/vnd.ms-excel",
    DocumentType.PARQUET: "application/vnd.apache.parquet",
}
"""The content type that a document of each type is shown with."""

_TEXTUAL = frozenset({DocumentType.HTML, DocumentType.MARKDOWN, DocumentType.TEXT, DocumentType.CSV})
_TABLES = frozenset({DocumentType.CSV, DocumentType.XLSX, DocumentType.XLS, DocumentType.PARQUET})
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARQUET = (b"PAR1", b"PARE")  # plain, and with an encrypted footer
_FOREIGN = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "a RIFF file (audio, video or WebP)"),
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"(\xb5/\xfd", "a zstd archive"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
)
_HTML_MARKS = (b"<!doctype html", b"<html", b"<head", b"<body")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def is_table(kind: DocumentType) -> bool:
    """Whether documents of this type are rows and columns (and have the smaller size limit of tables)."""
    return kind in _TABLES


def suffix_of(filename: str | None) -> str:
    """The last suffix of a file name, lower case and without its dot; empty where there is none."""
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and stem else ""


def detect_type(filename: str | None, declared_content_type: str | None, head: bytes) -> DocumentType:
    """Tell which parser a file or an answer belongs to.

    A file that merely pretends (text named ``.pdf``) is given the type of its name: opening it ends as
    ``corrupt_file``, with a sentence that says so.

    Args:
        filename: the upload's name, or the last segment of the URL's path.
        declared_content_type: the Content-Type header, parameters allowed.
        head: the first bytes, up to :data:`HEAD_BYTES`.

    Raises:
        WorkError: ``unsupported_type``: no parser reads this.
    """
    suffix = suffix_of(filename)
    declared = (declared_content_type or "").partition(";")[0].strip().lower()
    by_magic = _by_magic(suffix, declared, head)
    if by_magic is not None:
        return by_magic
    if _is_html(filename, declared, head):
        return DocumentType.HTML
    named = _by_name(filename, suffix)
    if named is not None:
        return named
    return _by_declaration(suffix, declared, head)


def _by_magic(suffix: str, declared: str, head: bytes) -> DocumentType | None:
    if head.startswith(b"%PDF-") or (suffix == "pdf" and b"%PDF-" in head[:1024]):
        return DocumentType.PDF
    if head.startswith(_PARQUET) and (suffix not in _SUFFIXES or suffix == "parquet"):
        return DocumentType.PARQUET
    if head.startswith(_ZIP):
        return _in_zip(suffix, declared, head)
    if head.startswith(_OLE):
        return _in_ole(suffix, declared, head)
    for magic, what in _FOREIGN:
        if head.startswith(magic) and not (magic.isalnum() and looks_like_text(head)):  # prose on "ID3 tags"
            raise _unsupported(f"It is {what}")
    return None


def _in_zip(suffix: str, declared: str, head: bytes) -> DocumentType:
    for kind, folder in ((DocumentType.DOCX, b"word/"), (DocumentType.XLSX, b"xl/")):
        if suffix == kind or folder in head or (not suffix and _DECLARED.get(declared) is kind):
            return kind
    raise _unsupported("It is a zip archive")


def _in_ole(suffix: str, declared: str, head: bytes) -> DocumentType:
    if suffix in {"docx", "xlsx"}:  # an encrypted package; its parser says so
        return DocumentType(suffix)
    workbook = "Workbook".encode("utf-16-le")
    if suffix == "xls" or workbook in head or (not suffix and _DECLARED.get(declared) is DocumentType.XLS):
        return DocumentType.XLS
    raise _unsupported("It is an old Office file (DOC, PPT or MSG): save it as DOCX or PDF")


def _is_html(filename: str | None, declared: str, head: bytes) -> bool:
    named = _by_name(filename, suffix_of(filename))
    if named is not None and named not in _TEXTUAL:
        return False
    start = head[:2048].lower()
    looks = any(mark in start for mark in _HTML_MARKS)
    if declared in {"text/html", "application/xhtml+xml"}:
        return looks or named is None or named is DocumentType.HTML
    return looks and declared in {"application/xml", "text/xml"}


def _by_name(filename: str | None, suffix: str) -> DocumentType | None:
    name = (filename or "").rpartition("/")[2].lower()
    if name in {"llms.txt", "llms-full.txt"}:  # llmstxt.org: Markdown under another suffix
        return DocumentType.MARKDOWN
    return _SUFFIXES.get(suffix)


def _by_declaration(suffix: str, declared: str, head: bytes) -> DocumentType:
    kind = _DECLARED.get(declared)
    if kind is DocumentType.TEXT and not looks_like_text(head):
        kind = None
    if kind is not None and suffix not in {"json", "xml", "zip"}:
        return kind
    if not suffix and declared in {"", "application/octet-stream"} and looks_like_text(head):
        start = head[:2048].lower()
        return DocumentType.HTML if any(mark in start for mark in _HTML_MARKS) else DocumentType.TEXT
    raise _unsupported(f"Its type is {declared}" if declared else f"Its name ends in .{suffix}")


def looks_like_text(head: bytes) -> bool:
    """Whether bytes read as text: no NUL (but for UTF-16), hardly a control character."""
    if head.startswith(_UTF16_MARKS):
        return True
    if b"\x00" in head:
        return False
    controls = len(head) - len(head.translate(None, bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1b"))))
    return controls * 50 <= len(head)


def _unsupported(what: str) -> WorkError:
    return WorkError(
        ErrorCode.UNSUPPORTED_TYPE,
        f"This kind of file is not supported. {what}. Supported are {SUPPORTED}.",
        retryable=False,
    )
