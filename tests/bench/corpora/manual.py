"""A real HTML manual of about a thousand pages: a Debian package's, or one made from what is installed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.corpora.generated_manual import generate
from native.config import default_cache_dir
from native.progress import Progress

PACKAGES: Final = ("postgresql-doc-15", "postgresql-doc-17", "postgresql-doc-16")
_DOCUMENTS: Final = Path("usr/share/doc")
_FETCH_SECONDS: Final = 300
_START: Final = "index.html"


@dataclass(frozen=True, slots=True)
class Manual:
    """A manual on disk.

    Attributes:
        folder: its pages; ``index.html`` leads to all of them.
        origin: where it comes from, in words.
    """

    folder: Path
    origin: str

    @property
    def pages(self) -> list[Path]:
        """Its pages, in order."""
        return sorted(self.folder.rglob("*.html"))


def find_manual(given: Path | None) -> Manual:
    """The manual to crawl: the one that is given, an installed one, a package's, or a generated one.

    Raises:
        FileNotFoundError: the given folder has no index.html.
    """
    if given is not None:
        if not (given / _START).is_file():
            raise FileNotFoundError(f"{given} has no {_START}: name the folder of an HTML manual.")
        return Manual(given, f"the manual in a folder named {given.name}")
    cache = default_cache_dir() / "bench"
    for package in PACKAGES:
        for root in (Path("/"), cache / package):
            if (folder := _html_of(root, package)) is not None:
                return Manual(folder, f"the HTML manual of the Debian package {package}")
    for package in PACKAGES:
        if (folder := _fetch(package, cache)) is not None:
            return Manual(folder, f"the HTML manual of the Debian package {package}")
    return Manual(
        generate(cache / "generated"), "a manual made from the docstrings of Python's standard library"
    )


def _html_of(root: Path, package: str) -> Path | None:
    folder = root / _DOCUMENTS / package / "html"
    return folder if (folder / _START).is_file() else None


def _fetch(package: str, cache: Path) -> Path | None:
    """Unpack a Debian package without installing it, which needs no root; None where it cannot be had."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    target = cache / package
    cache.mkdir(parents=True, exist_ok=True)
    with Progress(f"Fetching {package}"), TemporaryDirectory(dir=cache) as scratch:
        if not _succeeds("apt-get", "download", package, cwd=scratch):
            return None
        archives = list(Path(scratch).glob("*.deb"))
        unpacked = Path(scratch) / "unpacked"
        if not archives or not _succeeds("dpkg-deb", "-x", str(archives[0]), str(unpacked), cwd=scratch):
            return None
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return _html_of(target, package)


def _succeeds(*command: str, cwd: str) -> bool:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, timeout=_FETCH_SECONDS)
    return done.returncode == 0
