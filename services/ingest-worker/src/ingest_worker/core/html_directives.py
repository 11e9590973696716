"""What a page says about itself: robots directives, language, title, and which of its links may be followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

ROBOT_NAMES = frozenset({"robots", "quern"})
"""Whose robots rules are ours: everybody's, and those for our product token."""

MAX_URL = 4_096
"""Longer URLs are dropped: no server means them, and some pages make them without end."""

_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:[-_][A-Za-z0-9]{1,8})*$")
_URL_NOISE = re.compile(r"[\t\n\r\x00-\x1f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def robots_directives(*values: str) -> tuple[bool, bool]:
    """Whether indexing and following are forbidden, by contents of robots meta elements and X-Robots-Tag headers.

    The form is that of robots meta (HTML living standard, MetaExtensions) and X-Robots-Tag: directives between commas,
    in a header with the robot's name before them, where they are meant for one.

    Returns:
        ``(noindex, nofollow)``
    """
    found: set[str] = set()
    for value in values:
        for line in value.lower().splitlines():
            found |= _directives_of(line)
    if "none" in found:
        return True, True
    return "noindex" in found, "nofollow" in found


def _directives_of(line: str) -> set[str]:
    found, ours = set(), True
    for part in line.split(","):
        name, colon, rest = part.partition(":")
        if colon and name.strip() not in _VALUED:
            ours = name.strip() in ROBOT_NAMES
            part = rest  # noqa: PLW2901 - the robot's name is taken off
        if ours:
            found.add(part.strip())
    return found


def language_code(declared: str | None) -> str | None:
    """The ISO 639-1 code of a language tag (BCP 47), or None where it has none."""
    match = _LANGUAGE.match((declared or "").strip())
    return match.group(1).lower() if match else None


def choose_title(title: str, headings: Iterable[str], fallback: str) -> str:
    """A page's title: its h1 where ``<title>`` begins with it (and goes on with the site's name), else ``<title>``.

    Args:
        title: the text of ``<title>``.
        headings: the texts of the h1 elements, in order.
        fallback: what stands for a page that has neither.
    """
    first = ""
    folded = title.casefold()
    for heading in headings:
        first = first or heading
        if heading and folded.startswith(heading.casefold()):
            return heading
    return title or first or fallback


def absolute_links(hrefs: Iterable[str], base: str, *, limit: int) -> list[str]:
    """Absolute http(s) URLs without fragments, in order, each once, at most ``limit``."""
    resolve = _Resolver(base)
    seen: dict[str, None] = {}
    for href in dict.fromkeys(hrefs):
        url = resolve(href)
        if url is not None:
            seen[url] = None
            if len(seen) >= limit:
                break
    return list(seen)


def absolute_url(href: str, base: str) -> str | None:
    """One absolute http(s) URL without its fragment, or None."""
    return next(iter(absolute_links([href], base, limit=1)), None)


class _Resolver:
    """Resolves against one base; the common forms are put together without parsing them (RFC 3986, 5.2)."""

    def __init__(self, base: str) -> None:
        self._base = base
        parts = urlsplit(base)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._folder = self._origin + (parts.path.rpartition("/")[0] or "") + "/"
        self._web = parts.scheme in {"http", "https"} and bool(parts.netloc)

    def __call__(self, href: str) -> str | None:
        href = href.strip(" \t\n\r\f").partition("#")[0]
        if not href or len(href) > MAX_URL:
            return None
        if _URL_NOISE.search(href):
            href = _URL_NOISE.sub("", href)
        url = self._join(href)
        return url if url is not None and url[:8].lower().startswith(("http://", "https://")) else None

    def _join(self, href: str) -> str | None:
        if href.startswith(("http://", "https://")) and "[" not in href:
            return href
        if self._web and "./" not in href and "\\" not in href:
            if href[0] == "/" and not href.startswith("//"):
                return self._origin + href
            if href[0].isalnum() and not _SCHEME.match(href) and not href.endswith(".."):
                return self._folder + href
        try:
            return urljoin(self._base, href)
        except ValueError:  # an address that is none, such as http://[::1
            return None
