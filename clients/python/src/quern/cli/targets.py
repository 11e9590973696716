"""What ``quern add`` is pointed at: addresses, files, folders."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quern.cli.running import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SUFFIXES = frozenset(
    {
        "html",
        "htm",
        "xhtml",
        "md",
        "markdown",
        "mdx",
        "txt",
        "text",
        "log",
        "rst",
        "pdf",
        "docx",
        "csv",
        "tsv",
        "xlsx",
        "xls",
        "parquet",
    }
)
"""Files of a folder with other suffixes are left out; a file that is named itself is always sent."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site to crawl."""

    url: str


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload, and what it is called there: the same name again is a new version of the document."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Targets:
    """All that was named; ``left_out`` counts files of folders that no parser reads."""

    sites: tuple[Site, ...]
    files: tuple[File, ...]
    left_out: int


def find_targets(words: Sequence[str]) -> Targets:
    """Tell addresses from files and look into folders.

    Raises:
        UsageError: a word is neither, or two files would be versions of one document.
    """
    sites: list[Site] = []
    files: list[File] = []
    left_out = 0
    for given in words:
        if given.lower().startswith(("http://", "https://")):
            sites.append(Site(given))
            continue
        path = Path(given)
        if path.is_dir():
            found, others = _in_folder(path)
            files += found
            left_out += others
        elif path.is_file():
            files.append(File(path, path.name))
        else:
            raise UsageError(_neither(given))
    _refuse_equal_names(files)
    return Targets(tuple(sites), tuple(files), left_out)


def _neither(given: str) -> str:
    if "://" in given:
        return f"{given} cannot be crawled: only http:// and https:// addresses can."
    hint = f" For a site write https://{given}." if "." in given and not given.startswith(".") else ""
    return f"There is no file or folder {given}.{hint}"


def _in_folder(folder: Path) -> tuple[list[File], int]:
    files, left_out = [], 0
    for path in sorted(_walk(folder)):
        if path.suffix.removeprefix(".").lower() in SUFFIXES:
            # Below the folder names repeat (index.md), and equal names would be versions of one document.
            files.append(File(path, "-".join(path.relative_to(folder).parts)))
        else:
            left_out += 1
    return files, left_out


def _walk(folder: Path) -> Iterator[Path]:
    """Files below, without hidden ones, and without following links to folders, which may lead in circles."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _refuse_equal_names(files: Iterable[File]) -> None:
    paths = defaultdict(list)
    for file in files:
        paths[file.name].append(str(file.path))
    for name, equal in paths.items():
        if len(equal) > 1:
            raise UsageError(
                f"{' and '.join(equal)} would both be called {name}, one a new version of the other: "
                "add them to different groups, or rename one."
            )
