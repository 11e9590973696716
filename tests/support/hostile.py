"""Documents and answers that are far larger than they look, made when a test asks for them; ``documents`` has the rest."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import Final

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
from pypdf.generic import NameObject, NumberObject, StreamObject

from support import documents
from support.site_fixtures import WORDS

MIB: Final = 1 << 20


def brotli_bomb(mebibytes: int) -> bytes:
    """Some hundred bytes that unpack to very many."""
    packed: bytes = brotli.compress(bytes(mebibytes * MIB), quality=5)
    return packed


def deflate_bomb(mebibytes: int) -> bytes:
    """The same as zlib has it."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mebibytes)) + packer.flush()


def gzip_of(piece: bytes, times: int) -> bytes:
    """A repeated text, packed without ever being whole."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as packed:
        for _ in range(times):
            packed.write(piece)
    return out.getvalue()


def long_pdf(pages: int) -> bytes:
    """A PDF of very many pages."""
    return documents.pdf(
        [
            f"The long report\nThe reading of sensor {n} is {n * 7 % 1000}.\nIt was taken in hall {n % 13} by "
            f"{WORDS[n % len(WORDS)]}.\nNobody doubts the {WORDS[n // 7 % len(WORDS)]} readings.\n{n}"
            for n in range(1, pages + 1)
        ]
    )


def pdf_stream_bomb(mebibytes: int) -> bytes:
    """A PDF whose one page has a content stream that unpacks to very much."""
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(200, 200)
    stream = StreamObject()
    stream._data = deflate_bomb(mebibytes)  # pypdf packs what it is given; this is packed
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    stream[NameObject("/Length")] = NumberObject(len(stream._data))
    page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def parquet_bomb(rows: int, characters: int) -> bytes:
    """A table of one long text in each of very many rows, which its dictionary keeps once."""
    text = "long text " * (characters // 10)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    out = io.BytesIO()
    pq.write_table(pa.table({"text": column}), out, row_group_size=rows)
    return out.getvalue()


def sparse_xlsx() -> bytes:
    """A workbook of two cells that says that it has a million rows of sixteen thousand columns."""
    sheet = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>first</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>last</t></is></c></row>'
        "</sheetData></worksheet>"
    )
    return with_member(documents.xlsx(), "xl/worksheets/sheet1.xml", sheet.encode())


def with_member(package: bytes, member: str, content: bytes) -> bytes:
    """An Office file with one part replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for info in source.infolist():
            target.writestr(info.filename, content if info.filename == member else source.read(info))
    return out.getvalue()


def one_cell_csv(size: int) -> bytes:
    """A table whose second row is one cell of this many bytes."""
    return b"name,text\nlong," + b"word " * (size // 5) + b"\n"


def many_links_html(links: int) -> bytes:
    """A page of very many links."""
    return documents.page_html(
        body="<p>All of it.</p>" + "".join(f"<a href=/{n}>a</a>" for n in range(links))
    )


def many_tags_html(tags: int) -> bytes:
    """A page that opens very many elements, one in the other, and closes none."""
    return documents.page_html(body="<p>At the surface.</p>" + "<b>" * tags + "deep down")
