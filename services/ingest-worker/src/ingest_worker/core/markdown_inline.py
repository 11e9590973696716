"""What stands inside Markdown's lines: links, escapes, titles; and the front matter above them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TARGET = r"\(\s*+(<[^<>\n]*+>|[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)*+)(?:\s++(?:\"[^\"]*+\"|'[^']*+'))?+\s*+\)"
_LINK = re.compile(r"!?\[([^\[\]\\]*+(?:(?:\\.|\[[^\[\]\\]*+\])[^\[\]\\]*+)*+)\]" + _TARGET)
_AUTOLINK = re.compile(r"<(https?://[^<>\s]++)>")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>~])")
_HARD_BREAK = re.compile(r"(?<![ \t])[ \t]++\n")
_EMPHASIS = re.compile(r"(\*\*|__|~~|(?<!\w)[*_](?=\S))(.+?)\1")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FRONT_MATTER_LANG = re.compile(r"^lang(?:uage)?:[ \t]*[\"']?([A-Za-z-]{2,15})", re.MULTILINE)
_FRONT_MATTER_MAX = 20_000
_EMPHASIS_MAX = 1_000  # its pattern takes quadratic time


def readable(text: str) -> str:
    """Text as it is searched and embedded: links and images by their text alone.

    Addresses are long, carry no meaning for an embedding, and would crowd out words of the chunk; they stay in the
    document's Markdown.
    """
    if "](" in text:
        text = _LINK.sub(_first_group, text)
        if "](" in text:  # an image inside a link
            text = _LINK.sub(_first_group, text)
    if "  \n" in text:
        text = _HARD_BREAK.sub("\n", text)
    return text


def _first_group(match: re.Match[str]) -> str:
    return match[1]  # quicker than a template, which is expanded in Python


def plain_title(markdown: str) -> str:
    """A heading's words, without links, emphasis, code marks and permalink signs."""
    text = readable(markdown)
    if "\\" in text and "`" not in text:
        text = _ESCAPED.sub(_first_group, text)
    if len(text) <= _EMPHASIS_MAX and ("*" in text or "_" in text or "~~" in text):
        text = _EMPHASIS.sub(r"\2", text)
    return " ".join(text.replace("`", "").rstrip("¶§ \t").split())


def link_targets(markdown: str) -> Iterator[str]:
    """The targets of inline links and autolinks, as written, in order."""
    found = [
        (m.start(), m.group(2).strip("<>")) for m in _LINK.finditer(markdown) if not m.group().startswith("!")
    ]
    found += [(m.start(), m.group(1)) for m in _AUTOLINK.finditer(markdown)]
    return (target for _, target in sorted(found) if target)


def split_front_matter(markdown: str) -> tuple[str, str]:
    """Front matter (YAML between ``---`` lines at the very start) and what follows it."""
    if not markdown.startswith("---"):
        return "", markdown
    match = _FRONT_MATTER.match(markdown, 0, _FRONT_MATTER_MAX)
    if match is None or ":" not in match.group(1):
        return "", markdown
    return match.group(1), markdown[match.end() :]


def front_matter_title(front_matter: str) -> str:
    """The ``title`` of a front matter, or an empty string."""
    match = _FRONT_MATTER_TITLE.search(front_matter)
    return match.group(1).strip("\"' ") if match else ""


def front_matter_language(front_matter: str) -> str:
    """The ``lang`` or ``language`` of a front matter, or an empty string."""
    match = _FRONT_MATTER_LANG.search(front_matter)
    return match.group(1) if match else ""
