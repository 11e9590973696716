"""Server-sent events as text (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import Final

#: A comment: keeps proxies and clients from taking silence for the end.
HEARTBEAT: Final = b": still here\n\n"


def event(name: str, data: bytes, cursor: int) -> bytes:
    """One event; ``data`` is JSON and so has no line break. ``cursor`` is what Last-Event-ID brings back."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), cursor, data)
