"""Manuals that people read, with questions and the pages that answer them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.corpora.manual import find_package
from shared.content_types import DocumentType

_QUESTIONS: Final = Path(__file__).with_name("questions")
KINDS: Final = {".html": DocumentType.HTML, ".md": DocumentType.MARKDOWN}
_NO_CONTENT: Final = ("_static", "_sources", "_downloads", "_images")


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, and the pages that answer it: one of them is enough.

    Attributes:
        question: as somebody would ask it.
        pages: paths in the manual.
    """

    question: str
    pages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A manual.

    Attributes:
        name: of its questions.
        origin: where anybody gets it.
        folder: its pages.
        pairs: its questions.
    """

    name: str
    origin: str
    folder: Path
    pairs: tuple[Pair, ...]

    @property
    def pages(self) -> dict[str, Path]:
        """Its pages by their path in it."""
        files = (path for path in sorted(self.folder.rglob("*")) if path.suffix in KINDS)
        found = ((path.relative_to(self.folder), path) for path in files)
        return {str(name): path for name, path in found if name.parts[0] not in _NO_CONTENT}


_MANUALS: Final = {
    "postgresql": ("postgresql-doc-15", "postgresql-doc-15/html"),
    "python": ("python3.11-doc", "python3.11/html"),
}


def manuals() -> list[Corpus]:
    """The manuals, fetched where they are not installed.

    Raises:
        FileNotFoundError: one can neither be found nor fetched, or is another edition without such pages.
    """
    return [_manual(name, package, folder) for name, (package, folder) in _MANUALS.items()]


def _manual(name: str, package: str, folder: str) -> Corpus:
    found = find_package(package, folder)
    if found is None:
        raise FileNotFoundError(f"the Debian package {package} is neither installed nor can it be fetched")
    return corpus(name, f"Debian package {package}", found)


def corpus(name: str, origin: str, folder: Path) -> Corpus:
    """A folder with its questions.

    Raises:
        FileNotFoundError: a question asks for a page that is not there.
    """
    asked = json.loads((_QUESTIONS / f"{name}.json").read_bytes())
    pairs = tuple(Pair(each["question"], frozenset(each["pages"])) for each in asked)
    made = Corpus(name, origin, folder, pairs)
    if missing := {page for pair in pairs for page in pair.pages} - made.pages.keys():
        raise FileNotFoundError(f"{origin} has no page {', '.join(sorted(missing))}")
    return made
