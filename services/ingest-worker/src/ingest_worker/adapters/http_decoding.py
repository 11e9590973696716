"""Undoing a Content-Encoding step by step, so that a small body cannot swell without end."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import brotli

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPT_ENCODING = "gzip, deflate, br"
"""What :func:`decoder_for` can undo (RFC 9110, section 8.4.1; RFC 7932)."""

STEP_BYTES = 1 << 18
"""About how much a decoder puts out at a time."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZLIB_METHOD = 8  # the low half of a zlib stream's first byte (RFC 1950)


class BrokenBodyError(Exception):
    """The body is not what its Content-Encoding says."""


class Decoder(Protocol):
    """Turns the transferred body into the content."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content of ``data`` in pieces; whoever has enough stops asking.

        Raises:
            BrokenBodyError: the data cannot be decoded.
        """
        ...

    def finish(self) -> None:
        """The body has ended.

        Raises:
            BrokenBodyError: it ended too early.
        """
        ...


class Plain:
    """No encoding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See :class:`Decoder`."""
        yield data

    def finish(self) -> None:
        """See :class:`Decoder`."""


class Inflating:
    """gzip, with as many members as there are, or deflate, with or without its zlib header."""

    def __init__(self, *, gzip: bool) -> None:
        self._window = _GZIP_WINDOW if gzip else None
        self._stream: zlib._Decompress | None = None
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See :class:`Decoder`."""
        try:
            yield from self._inflate(data)
        except zlib.error as error:
            raise BrokenBodyError(str(error)) from error

    def finish(self) -> None:
        """See :class:`Decoder`."""
        if self._stream is not None and not self._ended:
            raise BrokenBodyError("the compressed data ends too early")

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream is None or self._ended:
                if self._ended and not self._begins_member(data):
                    return  # padding after the end, which browsers ignore as well
                self._stream = self._begin(data)
            yield from _drain(self._stream, data)
            self._ended = self._stream.eof
            data = self._stream.unused_data

    def _begins_member(self, data: bytes) -> bool:
        return self._window == _GZIP_WINDOW and data[:1] == b"\x1f"

    def _begin(self, data: bytes) -> zlib._Decompress:
        """RFC 9110 means zlib by deflate, but some servers send the bare stream."""
        bare = -zlib.MAX_WBITS if data[0] & 0x0F != _ZLIB_METHOD else zlib.MAX_WBITS
        return zlib.decompressobj(self._window or bare)


def _drain(stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """All that ``data`` gives, in steps; zlib may hold a last piece back when it has taken all input."""
    while True:
        piece = stream.decompress(data, STEP_BYTES)
        yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < STEP_BYTES):
            return


class Unbrotli:
    """Brotli (RFC 7932)."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See :class:`Decoder`."""
        self._began = True
        if self._stream.is_finished():
            return
        try:
            piece = self._stream.process(data, output_buffer_limit=STEP_BYTES)
            while piece:  # a step that stopped at its limit may have more to give without further input
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=STEP_BYTES)
        except brotli.error as error:
            raise BrokenBodyError(str(error)) from error

    def finish(self) -> None:
        """See :class:`Decoder`."""
        if self._began and not self._stream.is_finished():
            raise BrokenBodyError("the compressed data ends too early")


def decoder_for(encoding: str | None) -> Decoder | None:
    """The decoder for a Content-Encoding header, or None for one that was not asked for."""
    match (encoding or "identity").strip().lower():
        case "identity":
            return Plain()
        case "gzip" | "x-gzip":
            return Inflating(gzip=True)
        case "deflate":
            return Inflating(gzip=False)
        case "br":
            return Unbrotli()
    return None
