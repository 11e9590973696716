"""Sample documents as bytes: whole ones, protected ones, damaged ones and hostile ones, made when a test asks for them."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import docx
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
import xlwt
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ORDERS: list[list[Any]] = [
    ["order", "customer", "", "amount", "paid", "ordered", "customer"],
    [1, "Ada Lovelace", "loose", 12.5, True, date(2024, 1, 15), "London"],
    [2, "Grace Hopper", "", 7.0, False, date(2024, 2, 20), "New York"],
    [3, "Edsger Dijkstra", "", 99.99, True, date(2024, 3, 25), "Rotterdam"],
]
"""A table with a blank and a repeated header, and every type of column."""

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
)
"""The start of a PNG image."""


def page_html(
    title: str = "Guide", body: str = "<p>Some text.</p>", *, head: str = "", lang: str = "en"
) -> bytes:
    """A small HTML page in UTF-8."""
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f"<body>{body}</body></html>"
    ).encode()


def manual_html(sections: int = 3, *, site: str = "Example Manual") -> bytes:
    """A page of documentation: navigation around headings, prose, code and a table."""
    parts = [
        f"<h2 id='s{n}'>Section {n}<a class='headerlink' href='#s{n}'>¶</a></h2>"
        f"<p>Paragraph {n} explains how the widget number {n} is mounted. It has a second sentence.</p>"
        f"<pre><code class='language-python'>def widget_{n}():\n    return {n}\n</code></pre>"
        f"<table><tr><th>option</th><th>meaning</th></tr><tr><td>--level{n}</td><td>how deep</td></tr></table>"
        for n in range(1, sections + 1)
    ]
    navigation = "".join(f"<li><a href='page{n}.html'>Page {n}</a></li>" for n in range(1, 9))
    return page_html(
        f"Widgets — {site}",
        f"<div class='navbar'><ul>{navigation}</ul></div><main><h1>Widgets</h1>{''.join(parts)}</main>"
        "<footer>Copyright by the authors</footer>",
    )


def pdf(
    pages: Sequence[str] = ("First page.", "Second page."),
    *,
    outline: Sequence[tuple[int, int, str]] = (),
    title: str = "",
) -> bytes:
    """A PDF.

    Args:
        pages: the text of each page; its lines are drawn one below the other.
        outline: (0-based page, 0-based level, title) of each entry.
        title: for the document's properties.
    """
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    if title:
        canvas.setTitle(title)
    for index, text in enumerate(pages):
        for number, (_, level, name) in enumerate(e for e in outline if e[0] == index):
            key = f"{index}-{number}"
            canvas.bookmarkPage(key)
            canvas.addOutlineEntry(name, key, level)
        block = canvas.beginText(72, 780)
        for line in text.split("\n"):
            block.textLine(line)
        canvas.drawText(block)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def manual_pdf(pages: int = 12) -> bytes:
    """A PDF with an outline of chapters and sections, a running header and page numbers."""
    texts, outline = [], []
    for n in range(1, pages + 1):
        outline += [(n - 1, 0, f"Chapter {n}"), (n - 1, 1, f"Wiring {n}")]
        texts.append(
            f"The Example Handbook\nChapter {n}\nThis chapter is about valve {n}.\n{n}.1 Wiring {n}\n"
            f"The blue cable of valve {n} is connected first.\nThe red cable of valve {n} follows.\n{n}"
        )
    return pdf(texts, outline=outline, title="The Example Handbook")


def encrypted_pdf(password: str = "secret") -> bytes:
    """A PDF that asks for a password."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf()))
    writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def truncated_pdf() -> bytes:
    """The first third of a PDF."""
    whole = pdf(["text " * 50] * 20)
    return whole[: len(whole) // 3]


def scanned_pdf() -> bytes:
    """A PDF of two pages with shapes and no text."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for _ in range(2):
        canvas.rect(100, 100, 200, 200, fill=1)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def word(*, title: str = "", paragraphs: Iterable[str] = ()) -> bytes:
    """A DOCX with headings, a list, a table, and the given paragraphs."""
    document = docx.Document()
    document.core_properties.title = title
    document.add_heading("Pump manual", level=1)
    document.add_paragraph("The pump moves water uphill.")
    document.add_heading("Maintenance", level=2)
    document.add_paragraph("Oil the bearing", style="List Bullet")
    document.add_paragraph("Clean the filter", style="List Bullet")
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    table = document.add_table(rows=2, cols=2)
    for index, text in enumerate(["part", "price", "gasket", "4.20"]):
        table.cell(index // 2, index % 2).text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def comma_separated(
    rows: Sequence[Sequence[Any]] = ORDERS, *, delimiter: str = ",", encoding: str = "utf-8"
) -> bytes:
    """A CSV file."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def xlsx(sheets: dict[str, Sequence[Sequence[Any]]] | None = None) -> bytes:
    """An XLSX workbook."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in (sheets or {"Orders": ORDERS}).items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def xls(rows: Sequence[Sequence[Any]] = ORDERS) -> bytes:
    """An XLS workbook of Excel 97."""
    workbook = xlwt.Workbook()
    sheet = workbook.add_sheet("Orders")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, date):
                sheet.write(r, c, value, day)
            else:
                sheet.write(r, c, value)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def parquet(table: pa.Table | None = None) -> bytes:
    """A Parquet file, with nested, binary, missing and nanosecond values."""
    out = io.BytesIO()
    pq.write_table(table if table is not None else _parquet_table(), out)
    return out.getvalue()


def _parquet_table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "name": pa.array(["bolt", None, "nut"]),
            "price": pa.array([0.5, 1.0, None], pa.float64()),
            "tags": pa.array([["a", "b"], [], None]),
            "size": pa.array([{"x": 1, "y": 2}, None, {"x": 3, "y": 4}]),
            "seen": pa.array([datetime(2024, 1, 15, 10, 30, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
            "nano": pa.array([1_700_000_000_123_456_789] * 3, pa.timestamp("ns")),
            "raw": pa.array([b"\x00\x01"] * 3),
            "ok": pa.array([True, False, None]),
        }
    )


def encrypted_office() -> bytes:
    """What an encrypted DOCX or XLSX looks like from outside: a compound file with a stream ``EncryptedPackage``."""
    name = "EncryptedPackage".encode("utf-16-le")
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1528) + name.ljust(64, b"\x00") + bytes(2048)


def zip_bomb(*, member: str = "xl/worksheets/sheet1.xml", megabytes: int = 200) -> bytes:
    """An Office file of some hundred kilobytes that unpacks to hundreds of megabytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx() if member.startswith("xl/") else word())) as source:
        parts = {info.filename: source.read(info) for info in source.infolist() if info.filename != member}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        with archive.open(member, "w", force_zip64=True) as target:
            for _ in range(megabytes):
                target.write(b" " * (1 << 20))
    return out.getvalue()


def nested_html(depth: int = 50_000) -> bytes:
    """A page whose only sentence stands in very many elements."""
    return page_html(body="<div>" * depth + "deep down lies the treasure" + "</div>" * depth)


def long_table_html(rows: int = 20_000) -> bytes:
    """A page that is one long table."""
    return page_html(
        body="<table>" + "".join(f"<tr><td>{n}</td><td>value {n}</td></tr>" for n in range(rows)) + "</table>"
    )


def deep_list_html(depth: int = 5_000) -> bytes:
    """Lists in lists, none of them closed."""
    return page_html(body="".join(f"<ul><li>item{n}" for n in range(depth)))


def slow_html() -> bytes:
    """A page over which the HTML parser takes minutes: its time grows with the square of one element's attributes."""
    return page_html(body="<p>text</p><div " + " ".join(f"a{n}=1" for n in range(150_000)) + ">x</div>")
