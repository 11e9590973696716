"""Reading sitemaps: XML or plain text, packed or not, from people who may mean harm.

The format is that of https://www.sitemaps.org/protocol.html.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn
from xml.parsers import expat

MAX_SITEMAP_BYTES = 50 * 1024 * 1024
MAX_SITEMAP_URLS = 50_000

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_STEP_BYTES = 1 << 20
_MAX_TEXT_CHARS = 4096
_LISTS = ("urlset", "sitemapindex")


class InvalidSitemapError(Exception):
    """Nothing in the answer can be read as a sitemap; the message says why."""


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """An address as written in the sitemap, and when its page last changed, where that is told."""

    url: str
    lastmod: datetime | None = None


@dataclass(slots=True)
class Sitemap:
    """What a sitemap lists.

    Attributes:
        pages: addresses of pages, in order.
        sitemaps: addresses of further sitemaps, if it is an index.
        problem: why it was not read to its end, or None. What came before counts all the same.
    """

    pages: list[SitemapEntry] = field(default_factory=list)
    sitemaps: list[SitemapEntry] = field(default_factory=list)
    problem: str | None = None


def parse_sitemap(
    body: bytes, *, max_bytes: int = MAX_SITEMAP_BYTES, max_urls: int = MAX_SITEMAP_URLS
) -> Sitemap:
    """Read a sitemap or an index of sitemaps.

    Args:
        body: as received; gzip is undone.
        max_bytes: read at most, unpacked.
        max_urls: taken at most.

    Raises:
        InvalidSitemapError: it is none.
    """
    data, cut = _unpacked(body, max_bytes)
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = (
        _parse_xml(start, max_urls)
        if start.startswith(b"<") or data[:2] in (b"\xff\xfe", b"\xfe\xff")
        else _parse_text(data, max_urls)
    )
    if cut and found.problem is None:
        found.problem = f"it is larger than {max_bytes:,} bytes"
    if not found.pages and not found.sitemaps and found.problem:
        raise InvalidSitemapError(found.problem)
    return found


def _unpacked(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    if not body.startswith(_GZIP_MAGIC):
        return body[:max_bytes], len(body) > max_bytes
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = stream.decompress(body, max_bytes)
    except zlib.error as error:
        raise InvalidSitemapError("its gzip data is broken") from error
    return data, not stream.eof


def _parse_text(data: bytes, max_urls: int) -> Sitemap:
    """One address a line."""
    lines = data.decode("utf-8-sig", "replace").split()
    pages = [SitemapEntry(line) for line in lines if line.startswith(("http://", "https://"))]
    found = Sitemap(pages=pages[:max_urls])
    if len(pages) > max_urls:
        found.problem = f"it lists more than {max_urls:,} addresses"
    elif not pages:
        found.problem = "it lists no address"
    return found


def _parse_xml(data: bytes, max_urls: int) -> Sitemap:
    reader = _Reader(max_urls)
    try:
        for start in range(0, len(data), _STEP_BYTES):
            reader.parser.Parse(data[start : start + _STEP_BYTES], False)  # noqa: FBT003  (its own signature)
        reader.parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        reader.found.problem = f"its XML is broken: {error}"
    except _StopError as stop:
        reader.found.problem = str(stop)
    if not reader.found.pages and not reader.found.sitemaps and reader.found.problem is None:
        reader.found.problem = (
            None if reader.root in _LISTS else f"it is a {reader.root or 'text'}, no sitemap"
        )
    return reader.found


class _StopError(Exception):
    """Enough has been read."""


class _Reader:
    """Collects ``loc`` and ``lastmod`` of each ``url`` or ``sitemap``, whatever their namespace."""

    def __init__(self, max_urls: int) -> None:
        self.found = Sitemap()
        self.root = ""
        self._max_urls = max_urls
        self._path: list[str] = []
        self._text: list[str] = []
        self._chars = 0
        self._fields: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.CharacterDataHandler = self._characters
        self.parser.EndElementHandler = self._end

    def _start(self, name: str, _attributes: object) -> None:
        tag = name.rpartition(" ")[2].lower()
        self.root = self.root or tag
        self._path.append(tag)
        if len(self._path) > 10:  # noqa: PLR2004  (a sitemap is three deep, its extensions five)
            raise _StopError("its XML is nested too deeply")
        self._text.clear()
        self._chars = 0

    def _characters(self, text: str) -> None:
        self._chars += len(text)
        if self._chars <= _MAX_TEXT_CHARS:
            self._text.append(text)

    def _end(self, _name: str) -> None:
        match self._path:
            case [("urlset" | "sitemapindex"), ("url" | "sitemap"), ("loc" | "lastmod") as tag]:
                self._fields[tag] = "".join(self._text).strip() if self._chars <= _MAX_TEXT_CHARS else ""
            case ["urlset", "url"]:
                self._add(self.found.pages)
            case ["sitemapindex", "sitemap"]:
                self._add(self.found.sitemaps)
        self._path.pop()

    def _add(self, entries: list[SitemapEntry]) -> None:
        url = self._fields.get("loc")
        if url:
            if len(entries) >= self._max_urls:
                raise _StopError(f"it lists more than {self._max_urls:,} addresses")
            entries.append(SitemapEntry(url, parse_lastmod(self._fields.get("lastmod"))))
        self._fields.clear()


def _refuse_doctype(*_declaration: object) -> NoReturn:
    raise _StopError("it declares a document type, which no sitemap needs")


def parse_lastmod(text: str | None) -> datetime | None:
    """A W3C date (``2026-01-31`` or with time and zone), in UTC; None for anything else."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
