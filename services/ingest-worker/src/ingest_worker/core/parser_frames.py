"""What a worker and its parser processes say to each other: length-prefixed MessagePack frames over pipes.

The worker sends one :class:`~ingest_worker.core.parse_request.ParseRequest` a frame. The process answers with any number
of :class:`Chunks`, so that a large table's answer is neither built nor decoded in one piece, and then with one
:class:`Finished` or :class:`Failed`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingest_worker.core.parse_request import ParseRequest
from shared.contracts.content import Chunk, Parsed

HEADER = struct.Struct("<I")
"""The length of the frame that follows, in bytes."""

CHUNKS_PER_FRAME = 2_000


class Chunks(msgspec.Struct, tag=True):
    """The next chunks of the answer."""

    chunks: Sequence[Chunk]


class Finished(msgspec.Struct, tag=True):
    """The end of the answer; the chunks have been sent before. ``resident_bytes`` is the process's memory now."""

    parsed: Parsed
    resident_bytes: int


class Failed(msgspec.Struct, tag=True):
    """The document cannot be parsed: the parts of a WorkError."""

    code: str
    sentence: str
    retryable: bool
    resident_bytes: int


Answer = Chunks | Finished | Failed


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"no frame holds a {type(value).__name__}")


def _typed(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"no frame holds a {kind.__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_requests = msgspec.msgpack.Decoder(ParseRequest, dec_hook=_typed)
_answers = msgspec.msgpack.Decoder(Answer)


def encode(message: ParseRequest | Answer) -> bytes:
    """A message as a frame without its header."""
    return _encoder.encode(message)


def decode_request(frame: bytes) -> ParseRequest:
    """What a parser process is asked."""
    return _requests.decode(frame)


def decode_answer(frame: bytes) -> Answer:
    """What a parser process answers.

    Raises:
        msgspec.MsgspecError: that is no answer.
    """
    answer: Answer = _answers.decode(frame)
    return answer
