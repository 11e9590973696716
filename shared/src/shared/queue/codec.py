"""NSQ's wire format, by pynsq: the only module that imports it. Bytes in, bytes out, no socket.

pynsq's own Writer, Reader and AsyncConn are not used: they report success when bytes reach the kernel, finish messages
silently after five deliveries, put a whole reader into backoff for one message, lose exceptions, cannot be closed, and
reconnect after fifteen seconds. Its encoding and decoding have none of that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nsq import protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAGIC: bytes = protocol.MAGIC_V2
HEARTBEAT = b"_heartbeat_"
OK = b"OK"
CLOSE_WAIT = b"CLOSE_WAIT"

_SIZE = struct.Struct(">l")
_FRAME_OVERHEAD_BYTES = 1024
"""Frame type, message header and the longest error text, on top of the largest message."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a command, or a heartbeat."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An error: ``code`` as in E_BAD_TOPIC, ``text`` as nsqd wrote it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery on the wire."""

    id: str
    body: bytes
    attempts: int
    timestamp_ns: int


Frame = Response | Failure | Message


class BrokenStreamError(Exception):
    """What arrived is not NSQ's protocol, or larger than was agreed."""


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self, *, max_msg_bytes: int) -> None:
        self._limit = max_msg_bytes + _FRAME_OVERHEAD_BYTES
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take what arrived; yields the frames that are complete now.

        Raises:
            BrokenStreamError: the connection is of no further use.
        """
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _SIZE.size:
            (size,) = _SIZE.unpack_from(self._buffer, start)
            if not _SIZE.size <= size <= self._limit:
                raise BrokenStreamError(f"a frame of {size} bytes, the limit is {self._limit}")
            end = start + _SIZE.size + size
            if len(self._buffer) < end:
                break
            frame = bytes(self._buffer[start + _SIZE.size : end])
            start = end
            yield _decode(frame)
        del self._buffer[:start]


def _decode(frame: bytes) -> Frame:
    kind, data = protocol.unpack_response(frame)
    if kind == protocol.FRAME_TYPE_RESPONSE:
        return Response(data)
    if kind == protocol.FRAME_TYPE_ERROR:
        text = data.decode("utf-8", "replace")
        return Failure(text.split(" ", 1)[0], text)
    if kind == protocol.FRAME_TYPE_MESSAGE:
        message = protocol.decode_message(data)
        # pynsq reads the unsigned 16 bits of attempts as signed.
        return Message(message.id.decode(), message.body, message.attempts & 0xFFFF, message.timestamp)
    raise BrokenStreamError(f"a frame of unknown type {kind}")


def identify(data: Mapping[str, Any]) -> bytes:
    """IDENTIFY: negotiate."""
    return bytes(protocol.identify(dict(data)))


def subscribe(topic: str, channel: str) -> bytes:
    """SUB: receive a channel's messages; answered OK."""
    return bytes(protocol.subscribe(topic, channel))


def ready(count: int) -> bytes:
    """RDY: so many messages may be in flight; no answer."""
    return bytes(protocol.ready(count))


def finish(message_id: str) -> bytes:
    """FIN: no answer, or E_FIN_FAILED."""
    return bytes(protocol.finish(message_id))


def requeue(message_id: str, delay_ms: int) -> bytes:
    """REQ: no answer, or E_REQ_FAILED."""
    return bytes(protocol.requeue(message_id, delay_ms))


def touch(message_id: str) -> bytes:
    """TOUCH: no answer, or E_TOUCH_FAILED."""
    return bytes(protocol.touch(message_id))


def nop() -> bytes:
    """NOP: the answer to a heartbeat."""
    return bytes(protocol.nop())


def start_close() -> bytes:
    """CLS: send me nothing further; answered CLOSE_WAIT, after everything that was sent before was acted on."""
    return b"CLS\n"


def publish(topic: str, body: bytes) -> bytes:
    """PUB: answered OK or an error."""
    return bytes(protocol.pub(topic, body))


def publish_many(topic: str, bodies: Sequence[bytes]) -> bytes:
    """MPUB: answered OK or an error. Joined here, because pynsq's way copies the batch once for each message."""
    parts = [_SIZE.pack(len(bodies))]
    for body in bodies:
        parts += (_SIZE.pack(len(body)), body)
    payload = b"".join(parts)
    return b"".join((protocol.MPUB, b" ", topic.encode(), b"\n", _SIZE.pack(len(payload)), payload))
