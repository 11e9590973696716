"""Markdown documents: what installed packages say of themselves, and the manual's pages as Markdown."""

from __future__ import annotations

import sysconfig
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.peers.extraction import markdown_of
from native.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.corpora.manual import Manual

DOCUMENTS: Final = 550
_SMALLEST_CHARACTERS: Final = 1_000
_LARGEST_CHARACTERS: Final = 200_000


def write_documents(folder: Path, manual: Manual, *, count: int = DOCUMENTS) -> list[Path]:
    """Write documents into the folder, each with another content; the readmes first."""
    folder.mkdir(parents=True, exist_ok=True)
    texts: dict[str, None] = {}
    with Progress("Collecting Markdown documents"):
        for text in _texts(manual):
            if _SMALLEST_CHARACTERS <= len(text) <= _LARGEST_CHARACTERS:
                texts.setdefault(text)
            if len(texts) == count:
                break
    paths = []
    for turn, text in enumerate(texts):
        paths.append(folder / f"document-{turn:04}.md")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def _texts(manual: Manual) -> Iterator[str]:
    packages = Path(sysconfig.get_paths()["purelib"])
    for path in sorted(packages.glob("*.dist-info/METADATA")):
        message = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
        if "markdown" in (message["Description-Content-Type"] or ""):
            yield str(message.get_payload())
    for path in sorted(packages.rglob("*.md")):
        yield path.read_text(encoding="utf-8", errors="replace")
    # The longest pages first: many of a manual's pages are a few lines only.
    for path in sorted(manual.pages, key=lambda page: (-page.stat().st_size, page.name)):
        yield markdown_of(path.read_bytes())
