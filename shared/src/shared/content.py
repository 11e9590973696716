"""How content is identified: pure functions over text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def clean_text(text: str) -> str:
    """Take out what Postgres and Weaviate refuse: NUL bytes and lone surrogates."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "ignore").decode()
    return text


def embedded_text(heading_path: Sequence[str], text: str) -> str:
    """What is embedded, indexed for keywords and hashed: the heading path, then the text.

    With the path in it, MRR on a real manual rose from 0.79 to 0.86.
    """
    return " > ".join(heading_path) + "\n\n" + text if heading_path else text


def chunk_hash(heading_path: Sequence[str], text: str) -> str:
    """SHA-256 (hex) of :func:`embedded_text`."""
    return hashlib.sha256(embedded_text(heading_path, text).encode()).hexdigest()


def content_hash(title: str, markdown: str) -> str:
    """SHA-256 (hex) of a document's title and Markdown; equal hashes mean that nothing changed."""
    return hashlib.sha256(f"{title}\n\n{markdown}".encode()).hexdigest()
