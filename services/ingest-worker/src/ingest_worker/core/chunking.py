"""From a document's text to its chunks: along headings, each chunk in one section, code and tables kept whole.

Rules, each of which has its test: a chunk belongs to exactly one heading path; no chunk ends with a heading that is
followed by its text in another; a fence or table that fits into a chunk is never cut, one that does not is cut at
its lines or rows, with its fence or header repeated; nothing of the text is lost; no chunk is empty or longer than
the limit. A heading without any text of its own becomes text of the section it stands in, so that it is found too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest_worker.core.chunking_split import (
    fence_parts,
    split_block,
    split_fence,
    split_lines,
    split_table,
    split_text,
)
from ingest_worker.core.markdown_blocks import Block, Kind, scan
from ingest_worker.core.markdown_inline import plain_title, readable
from shared.content import chunk_hash
from shared.contracts.content import Chunk
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_LIMIT = 100
"""The smallest chunk size, in characters, with which fences and headers can still be repeated."""

MAX_TITLE = 200
"""Characters of a heading that go into the path; a longer one is kept whole in the text below it."""

_MAX_LEAD_IN = 200

Piece = tuple[tuple[str, ...], str]
"""A heading path and the text of one chunk."""


class ChunkBuilder:
    """Collects chunks in reading order, with their hashes and the number of each repetition.

    Args:
        max_chunks: more than that end as ``too_large``.
    """

    def __init__(self, *, max_chunks: int) -> None:
        self._max_chunks = max_chunks
        self._seen: dict[str, int] = {}
        self.chunks: list[Chunk] = []

    def add(
        self, path: tuple[str, ...], text: str, *, page: int | None = None, row: int | None = None
    ) -> None:
        """Append a chunk.

        Raises:
            WorkError: ``too_large``: the document makes more chunks than are allowed.
        """
        if len(self.chunks) >= self._max_chunks:
            raise WorkError(
                ErrorCode.TOO_LARGE,
                f"The document makes more than {self._max_chunks:,} chunks. Split it into several files.",
                retryable=False,
            )
        digest = chunk_hash(path, text)
        occurrence = self._seen.get(digest, 0)
        self._seen[digest] = occurrence + 1
        self.chunks.append(
            Chunk(text=text, heading_path=path, hash=digest, occurrence=occurrence, page=page, row=row)
        )


def chunk_markdown(markdown: str, *, limit: int, root: str = "") -> Iterator[Piece]:
    r"""Cut Markdown into pieces along its headings.

    Args:
        markdown: line ends are ``\n``, front matter is taken off.
        limit: characters of a chunk's text, at least :data:`MIN_LIMIT`.
        root: the document's title: it heads the path of every section that no level-1 heading stands above.
    """
    _check(limit)
    return _Sections(limit, _short(root)).run(scan(markdown))


def chunk_text(text: str, *, limit: int) -> Iterator[str]:
    """Cut text that is not Markdown: whole paragraphs are packed, longer ones are cut at their sentences."""
    _check(limit)
    paragraphs = (part.strip() for part in text.split("\n\n"))
    return _pack((p for part in paragraphs if part for p in _fit(part, limit)), limit)


def _check(limit: int) -> None:
    if limit < MIN_LIMIT:
        raise ValueError(f"a chunk needs at least {MIN_LIMIT} characters, not {limit}")


def _fit(part: str, limit: int) -> Iterable[str]:
    return (part,) if len(part) <= limit else split_text(part, limit)


def _pack(pieces: Iterable[str], limit: int) -> Iterator[str]:
    """Put consecutive pieces into one chunk while they fit."""
    packed: list[str] = []
    size = 0
    for piece in pieces:
        if packed and size + len(piece) + 2 > limit:
            lead = _lead_in(packed, len(piece), limit)
            yield "\n\n".join(packed)
            packed = [lead] if lead else []
            size = len(lead)
        size += len(piece) + (2 if packed else 0)
        packed.append(piece)
    if packed:
        yield "\n\n".join(packed)


def _lead_in(packed: list[str], following: int, limit: int) -> str:
    """Take a short last paragraph that ends in a colon off a chunk: it belongs to what follows, where that has room."""
    last = packed[-1]
    if (
        len(packed) > 1
        and last.endswith(":")
        and len(last) <= _MAX_LEAD_IN
        and len(last) + 2 + following <= limit
    ):
        return packed.pop()
    return ""


def _short(title: str) -> str:
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"


class _Sections:
    """Groups blocks by heading path, and gives each group to :func:`_pack`."""

    def __init__(self, limit: int, root: str) -> None:
        self._limit = limit
        self._root = root
        self._stack: list[tuple[int, str]] = []
        self._texts: list[str] = []
        self._bare: list[str] = []  # headings without text, waiting in the section around them
        self._bare_path: tuple[str, ...] = ()
        self._fresh = False  # the innermost heading has got neither text nor sub-headings yet

    def run(self, blocks: Iterator[Block]) -> Iterator[Piece]:
        for block in blocks:
            if block.kind is Kind.HEADING:
                yield from self._heading(block)
            else:
                self._texts.extend(self._pieces(block))
                self._fresh = False
        yield from self._leave(1)
        yield from self._flush_bare()

    def _heading(self, block: Block) -> Iterator[Piece]:
        yield from self._leave(block.level)
        while self._stack and self._stack[-1][0] >= block.level:
            self._stack.pop()
        title = plain_title(block.lines[0])
        if not title:
            return
        self._stack.append((block.level, _short(title)))
        self._fresh = True
        if len(title) > MAX_TITLE:
            self._texts.extend(split_text(title, self._limit))
            self._fresh = False

    def _leave(self, next_level: int) -> Iterator[Piece]:
        """Hand out the section that ends here; remember its heading where it had nothing below it."""
        if self._texts:
            yield from self._flush_bare()
            path = self._path(self._stack)
            for text in _pack(self._texts, self._limit):
                yield path, text
            self._texts = []
        elif self._fresh and self._stack[-1][0] >= next_level:
            around = self._path(self._stack[:-1])
            if around != self._bare_path:
                yield from self._flush_bare()
                self._bare_path = around
            self._bare.append(self._stack[-1][1])
        self._fresh = False

    def _flush_bare(self) -> Iterator[Piece]:
        for text in split_lines(self._bare, self._limit):
            yield self._bare_path, text
        self._bare = []

    def _path(self, stack: list[tuple[int, str]]) -> tuple[str, ...]:
        titles = tuple(title for _, title in stack)
        if self._root and not (stack and stack[0][0] == 1) and titles[:1] != (self._root,):
            return (self._root, *titles)
        return titles

    def _pieces(self, block: Block) -> Iterable[str]:
        limit = self._limit
        if block.kind is Kind.FENCE:
            return _fence_pieces(block.lines, limit)
        text = readable("\n".join(block.lines)).strip("\n")
        if not text.strip():
            return ()
        if len(text) <= limit:
            return (text,)
        split = split_table if block.kind is Kind.TABLE else split_block
        return split(text.split("\n"), limit)


def _fence_pieces(lines: list[str], limit: int) -> Iterable[str]:
    opening, closing, code = fence_parts(lines)
    if not any(line.strip() for line in code):
        return ()
    whole = "\n".join([opening, *code, closing])
    return (whole,) if len(whole) <= limit else split_fence(lines, limit)
