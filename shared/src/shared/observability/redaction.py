"""Keeps secrets and message bodies out of log lines, whatever they were bound as. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

MASK = "***"

_SECRET_KEY = re.compile(
    r"authorization|api[-_]?key|passw(or)?d|secret|token|cookie|credential|private[-_]?key|database_url|session[-_]?id",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^/\s@]*@", re.IGNORECASE)
_BEARER = re.compile(r"\b(?P<kind>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_MAX_DEPTH = 6
_MAX_TEXT = 16_384
"""Characters of one value; a log line is no store."""


def redact_text(text: str) -> str:
    """Take user:password@ out of URLs and credentials out of Authorization values; cut what is far too long."""
    if "://" in text:
        text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    if " " in text:
        text = _BEARER.sub(rf"\g<kind> {MASK}", text)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text)} characters)"


def redact(value: object, *, depth: int = 0) -> object:
    """A copy of a value that may be logged: secrets masked by their key, bytes replaced by their number."""
    match value:
        case str():
            return redact_text(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case dict() if depth < _MAX_DEPTH:
            return {key: redact_item(str(key), item, depth=depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [redact(item, depth=depth + 1) for item in value]
        case dict() | list() | tuple() | set() | frozenset():
            return "<nested too deeply>"
        case _:
            return value


def redact_item(key: str, value: object, *, depth: int = 0) -> object:
    """As :func:`redact`, for a value with a name that may tell that it is a secret. Numbers are none."""
    if _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return MASK
    return redact(value, depth=depth)


def redact_event(_logger: object, _method: str, event: MutableMapping[str, object]) -> Mapping[str, object]:
    """A structlog processor: :func:`redact_item` over the whole line."""
    return {key: value if key.startswith("_") else redact_item(key, value) for key, value in event.items()}
