"""Links in text manifests: llms.txt (https://llmstxt.org) and other Markdown that lists a site's pages."""

from __future__ import annotations

import re

from shared.urls import InvalidUrlError, WebUrl, join_url

MAX_MANIFEST_LINKS = 10_000

# Markdown's inline links, reference definitions and autolinks, then bare addresses. Each part ends at a
# character that it cannot hold, so the time is linear in the text.
_LINK = re.compile(
    r"""(?mx)
      \]\( \s{0,3} <? (?P<inline> [^\s<>()]* (?: \( [^\s<>()]* \) [^\s<>()]* ){0,3} )
    | ^\ {0,3} \[ [^\]\n]{1,200} \]: \s{0,3} <? (?P<definition> [^\s<>]+ )
    | (?P<bare> https?:// [^\s<>"'`()\[\]]+ (?: \( [^\s<>()]* \) [^\s<>"'`()\[\]]* ){0,3} )
    """
)
_SENTENCE_END = ".,;:!?*_"


def looks_like_manifest(content_type: str, body: str) -> bool:
    """Whether an answer is a text manifest, and not the page that some sites send for any address."""
    if content_type in ("text/html", "application/xhtml+xml"):
        return False
    start = body[:1024].lstrip("\ufeff \t\r\n").lower()
    return bool(start) and not start.startswith(("<!doctype", "<html", "<?xml"))


def manifest_links(text: str, base: str, *, limit: int = MAX_MANIFEST_LINKS) -> list[WebUrl]:
    """The web addresses in a manifest, absolute, in order, each page once, at most ``limit``.

    Args:
        text: of the manifest.
        base: its address, against which links are resolved.
        limit: of links.
    """
    found: dict[str, WebUrl] = {}
    for match in _LINK.finditer(text):
        target = match["inline"] or match["definition"] or (match["bare"] or "").rstrip(_SENTENCE_END)
        url = _resolved(base, target)
        if url is not None:
            found.setdefault(url.key, url)
            if len(found) == limit:
                break
    return list(found.values())


def _resolved(base: str, target: str) -> WebUrl | None:
    if not target or target.startswith("#"):
        return None
    try:
        return join_url(base, target)
    except InvalidUrlError:
        return None
