"""Which request headers a user may have sent along with a crawl."""

from __future__ import annotations

import re

MAX_HEADER_CHARS = 8_000

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110, section 5.6.2)
_VALUE = re.compile(r"[\x20-\x7e\t]*")
_OURS = re.compile(
    r"""(?xi) accept-encoding | connection | content-(?:length|type) | expect | host | if-.* | keep-alive
    | proxy-.* | range | te | trailer | transfer-encoding | upgrade"""
)


def header_problem(name: str, value: str) -> str | None:
    """Why this header cannot be sent, as a sentence for people, or None."""
    if not _NAME.fullmatch(name):
        return "A header's name holds characters that no header name may hold."
    if _OURS.fullmatch(name):
        return f"The header {name} belongs to the connection and cannot be set."
    if not _VALUE.fullmatch(value):
        return f"The value of the header {name} holds characters other than printable ASCII."
    if len(name) + len(value) > MAX_HEADER_CHARS:
        return f"The header {name} is longer than {MAX_HEADER_CHARS} characters."
    return None
