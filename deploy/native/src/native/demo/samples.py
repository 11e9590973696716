"""One file of each kind that people upload, made on the spot."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import docx
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate

if TYPE_CHECKING:
    from pathlib import Path

_STATIONS: Final = [
    ("Alder Point", "tide gauge", 4.2),
    ("Birch Island", "weather mast", 17.5),
    ("Cedar Reef", "wave buoy", 2.9),
]
_WHEN: Final = datetime(2026, 1, 1, tzinfo=UTC)


def make_all(folder: Path) -> list[Path]:
    """Write a PDF, a DOCX, a CSV, an XLSX, a Parquet and a Markdown file; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "handbook.pdf": _pdf,
        "onboarding.docx": _docx,
        "stations.csv": _csv,
        "budget.xlsx": _xlsx,
        "measurements.parquet": _parquet,
        "falcons.md": _markdown,
    }
    for name, make in makers.items():
        make(folder / name)
    return [folder / name for name in makers]


class _WithOutline(SimpleDocTemplate):
    """Headings become the outline, which is what headings are found by."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  (the library's name)
        """Note a heading where it came to stand."""
        style = getattr(flowable, "style", None)
        if isinstance(flowable, Paragraph) and style is not None and style.name == "Heading1":
            title = flowable.getPlainText()
            self.canv.bookmarkPage(title)
            self.canv.addOutlineEntry(title, title, 0)


def _pdf(path: Path) -> None:
    styles = getSampleStyleSheet()
    story: list[Flowable] = [
        Paragraph("Harbour handbook", styles["Title"]),
        Paragraph("Fog signal", styles["Heading1"]),
        Paragraph("In fog the harbour sounds one long blast every two minutes.", styles["BodyText"]),
        Paragraph("Pilotage", styles["Heading1"]),
        Paragraph("Ships above 90 metres take a pilot at the outer buoy.", styles["BodyText"]),
    ]
    _WithOutline(str(path), title="Harbour handbook", invariant=1).build(story)


def _docx(path: Path) -> None:
    document = docx.Document()
    document.core_properties.created = document.core_properties.modified = _WHEN
    document.add_heading("Onboarding", level=1)
    document.add_paragraph(
        "New colleagues collect their badge at the lighthouse office on the first morning."
    )
    document.add_heading("Equipment", level=2)
    document.add_paragraph("Life jackets hang behind the blue door.")
    document.save(str(path))


def _csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["station", "instrument", "height_m"])
        writer.writerows(_STATIONS)


def _xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = _WHEN.replace(tzinfo=None)
    sheet = book.worksheets[0]
    sheet.title = "2026"
    for row in (("item", "euros"), ("Dredging of the east basin", 48_000), ("New lantern", 12_500)):
        sheet.append(row)
    book.save(path)


def _parquet(path: Path) -> None:
    names, kinds, heights = zip(*_STATIONS, strict=True)
    table = pa.table({"station": names, "instrument": kinds, "salinity_psu": [h * 2 for h in heights]})
    pq.write_table(table, path)


def _markdown(path: Path) -> None:
    path.write_text(
        "# Falcons of the harbour\n\nPeregrine falcons dive at 300 km/h.\n\n"
        "## Nests\n\nA pair nests on the grain silo every spring.\n",
        encoding="utf-8",
    )
