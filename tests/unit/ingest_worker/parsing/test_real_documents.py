"""Documents that were not made for these tests, where the machine has some."""

from __future__ import annotations

import gzip
import importlib.metadata
import re
from pathlib import Path

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.markdown_blocks import Kind, scan
from ingest_worker.core.parse_request import ParseRequest
from shared.content_types import DocumentType
from shared.errors import WorkError

DOCS = Path("/usr/share/doc")
MAX_BYTES = 200_000
PAGES = 40


def pages() -> list[Path]:
    found = sorted(
        path for path in DOCS.glob("**/*.html") if path.is_file() and path.stat().st_size < MAX_BYTES
    )
    return found[:: max(1, len(found) // PAGES)]


@pytest.mark.skipif(not pages(), reason="this machine has no HTML documentation")
def test_manuals_keep_their_headings_and_code() -> None:
    headings = kept = 0
    for path in pages():
        body = re.sub(rb"<!--.*?-->", b"", path.read_bytes(), flags=re.DOTALL)
        parsed = parse(ParseRequest(kind=DocumentType.HTML, body=body, url=f"https://a.example{path}"))
        written = re.findall(rb"<h[1-4][ >].*?</h[1-4]>", body, re.DOTALL | re.IGNORECASE)
        found = sum(block.kind is Kind.HEADING for block in scan(parsed.markdown))
        headings += len(written)
        kept += min(found, len(written))
        assert all(0 < len(chunk.text) <= 1000 for chunk in parsed.chunks)
    assert kept >= 0.9 * headings


def test_descriptions_of_installed_packages() -> None:
    chunks = 0
    for distribution in list(importlib.metadata.distributions())[:60]:
        text = distribution.read_text("METADATA") or ""
        body = text.partition("\n\n")[2].encode()
        if not body.strip():
            continue
        try:
            parsed = parse(ParseRequest(kind=DocumentType.MARKDOWN, body=body, filename="METADATA.md"))
        except WorkError as error:
            pytest.fail(f"{distribution.name}: {error.sentence}")
        chunks += len(parsed.chunks)
        for chunk in parsed.chunks:
            assert 0 < len(chunk.text) <= 1000
    assert chunks > 100


PDFS = sorted(path for pattern in ("*/*.pdf", "*/*.pdf.gz") for path in DOCS.glob(pattern))


@pytest.mark.skipif(not PDFS, reason="this machine has no PDF documentation")
def test_pdf_manuals() -> None:
    for path in PDFS[:4]:
        body = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        parsed = parse(ParseRequest(kind=DocumentType.PDF, body=body, filename=path.name))
        assert parsed.pages is not None
        assert len(parsed.chunks) >= parsed.pages / 2
        assert all(chunk.page is not None and 1 <= chunk.page <= parsed.pages for chunk in parsed.chunks)
