"""Which links of a crawl are followed, and why the others are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.patterns import compile_patterns
from shared.states import Reason

if TYPE_CHECKING:
    from shared.urls import WebUrl

# Files that hold no text, by their usual names. A name proves nothing: what looks readable is decided by its
# content type. Documents and tables that a parser reads are not here.
_UNREADABLE = frozenset(
    {
        *(
            "7z",
            "apk",
            "br",
            "bz2",
            "cab",
            "deb",
            "dmg",
            "exe",
            "gz",
            "iso",
            "jar",
            "msi",
            "pkg",
            "rar",
            "rpm",
        ),
        *("tar", "tbz", "tgz", "txz", "war", "whl", "xpi", "xz", "zip", "zst"),
        *(
            "avif",
            "bmp",
            "cur",
            "eps",
            "gif",
            "heic",
            "ico",
            "jpeg",
            "jpg",
            "png",
            "psd",
            "svg",
            "tif",
            "tiff",
        ),
        *("webp", "aac", "flac", "m4a", "mid", "mp3", "oga", "ogg", "opus", "wav", "wma"),
        *("3gp", "avi", "flv", "m3u8", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "webm", "wmv"),
        *("eot", "otf", "ttf", "woff", "woff2", "css", "js", "mjs", "map", "wasm"),
        *("bin", "class", "dat", "db", "dll", "img", "o", "pyc", "pyd", "so", "sqlite", "swf", "torrent"),
    }
)
_MAX_SUFFIX_CHARS = 8


class CrawlScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a crawl may reach, as the user set it.

    Attributes:
        sites: ``WebUrl.site`` of the seed, or of where it has moved to for good.
        max_depth: inclusive; the seed page has depth 0.
        include: patterns of which one must be found in a page's address, if there are any.
        exclude: patterns of which none may be found in it.
        same_host: only pages of ``sites``.
        path_prefix: how the path must begin, letter by letter: ``/docs`` lets ``/docs-old`` in, ``/docs/``
            does not.
    """

    sites: frozenset[str]
    max_depth: int = 2
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    same_host: bool = True
    path_prefix: str = ""


class ScopeRules:
    """The verdicts of one scope, its patterns compiled.

    Raises:
        InvalidPatternError: a pattern cannot be used (the gateway has refused those).
    """

    def __init__(self, scope: CrawlScope) -> None:
        self._scope = scope
        self._include = compile_patterns(scope.include)
        self._exclude = compile_patterns(scope.exclude)
        self._prefix = "/" + scope.path_prefix.lstrip("/") if scope.path_prefix else ""

    def verdict(self, url: WebUrl, *, depth: int, listed: bool = False) -> Reason | None:
        """Why ``url``, found as a link of depth ``depth``, is not followed, or None if it is.

        Patterns are looked for in the key, so that all spellings of a page share one fate.

        Args:
            url: the link.
            depth: that the page would have.
            listed: a manifest lists it (llms.txt). Manifests stand between the seed and the pages, so these
                may be one level deeper.
        """
        if not self._reaches(url):
            return Reason.SCOPE
        if not self._wants(url.key):
            return Reason.PATTERN
        if suffix(url.path) in _UNREADABLE:
            return Reason.TYPE
        if depth > self._scope.max_depth + listed:
            return Reason.DEPTH
        return None

    def _reaches(self, url: WebUrl) -> bool:
        if self._scope.same_host and url.site not in self._scope.sites:
            return False
        return url.path.startswith(self._prefix)

    def _wants(self, key: str) -> bool:
        if any(pattern.found_in(key) for pattern in self._exclude):
            return False
        return not self._include or any(pattern.found_in(key) for pattern in self._include)


def suffix(path: str) -> str:
    """What follows the last dot of a path's last segment, in lower case; ``""`` where there is no such thing."""
    name = path.rpartition("/")[2]
    _, dot, end = name.rpartition(".")
    return end.lower() if dot and len(end) <= _MAX_SUFFIX_CHARS else ""
