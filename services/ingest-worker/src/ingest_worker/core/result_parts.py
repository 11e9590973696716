"""Cutting a result into messages that nsqd takes. Pure."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.contracts.content import Chunk
    from shared.contracts.messages import FoundLink, ResultMessage

T = TypeVar("T")

# JSON around a chunk or link, beyond its texts: generous, so that no part comes out too large.
_CHUNK_OVERHEAD_BYTES = 256
_LINK_OVERHEAD_BYTES = 16


def _json_bytes(value: object) -> int:
    return len(msgspec.json.encode(value))


def _chunk_bytes(chunk: Chunk) -> int:
    return _CHUNK_OVERHEAD_BYTES + _json_bytes(chunk.text) + _json_bytes(chunk.heading_path)


def _link_bytes(link: FoundLink) -> int:
    return _LINK_OVERHEAD_BYTES + _json_bytes(link)


def _slices(items: Sequence[T], size: Callable[[T], int], limit: int) -> list[list[T]]:
    """Consecutive runs that stay within ``limit`` bytes; an item that is larger goes alone."""
    runs: list[list[T]] = []
    room = 0
    for item in items:
        needed = size(item)
        if not runs or needed > room:
            runs.append([])
            room = limit
        runs[-1].append(item)
        room -= needed
    return runs


def _text_slices(text: str, limit: int) -> list[str]:
    """Pieces of at most ``limit`` bytes as JSON, cut between characters."""
    # No character takes more than six bytes in JSON.
    step = max(1, limit // 6)
    pieces = [text[start : start + step] for start in range(0, len(text), step)]
    return ["".join(run) for run in _slices(pieces, _json_bytes, limit)]


def _fitting(items: list[T], limit: int) -> list[T]:
    """As many of the first ``items`` as stay within ``limit`` bytes as JSON."""
    room = limit
    for count, item in enumerate(items):
        room -= _json_bytes(item) + 1
        if room < 0:
            return items[:count]
    return items


def _bounded(result: ResultMessage, max_bytes: int) -> ResultMessage:
    """``result`` with lists that cannot be shared out cut to what leaves room for the rest.

    Columns and links not followed only describe; what a cut leaves out is still found, and still counted.
    """
    content, page = result.content, result.page
    if content is not None:
        content = msgspec.structs.replace(content, columns=_fitting(content.columns, max_bytes // 2))
    if page is not None:
        page = msgspec.structs.replace(page, refused=_fitting(page.refused, max_bytes // 4))
    return msgspec.structs.replace(result, content=content, page=page)


def is_surely_larger(result: ResultMessage, max_bytes: int) -> bool:
    """Whether ``result`` takes more than ``max_bytes`` as JSON, told without writing all of a large document once."""
    return result.content is not None and len(result.content.markdown) > max_bytes


def split(result: ResultMessage, *, max_bytes: int) -> list[ResultMessage]:
    """``result`` as one message, or as numbered parts of at most about ``max_bytes`` each as JSON.

    Chunks, Markdown and links are shared out; every part says whose it is, and how its page was fetched.
    """
    if not is_surely_larger(result, max_bytes) and _json_bytes(result) <= max_bytes:
        return [result]
    result = _bounded(result, max_bytes)
    # Which part is stored first, and makes the version, is open: the columns stand in each.
    fixed = _json_bytes(result.content.columns) if result.content else 0
    fixed += _json_bytes(result.page.refused) if result.page else 0
    # A part carries a slice of each kind; a quarter is left for what else stands in every part.
    limit = (max_bytes - fixed) // 4
    chunks = _slices(result.content.chunks, _chunk_bytes, limit) if result.content else []
    pieces = _text_slices(result.content.markdown, limit) if result.content else []
    links = _slices(result.page.links, _link_bytes, limit) if result.page else []
    parts: list[ResultMessage] = []
    ordinal = 0
    rows = list(zip_longest(chunks, pieces, links)) or [(None, None, None)]
    for number, (some_chunks, piece, some_links) in enumerate(rows):
        content, page = result.content, result.page
        if content is not None:
            content = msgspec.structs.replace(
                content, chunks=some_chunks or [], markdown=piece or "", first_ordinal=ordinal
            )
            ordinal += len(some_chunks or [])
        if page is not None:
            refused = page.refused if number == 0 else []
            page = msgspec.structs.replace(page, links=some_links or [], refused=refused)
        parts.append(
            msgspec.structs.replace(
                result,
                part=number,
                parts=len(rows),
                content=content,
                page=page,
                logs=result.logs if number == 0 else [],
            )
        )
    return parts
