from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.queue import codec
from shared.queue.connection import _message_id

ID = b"0123456789abcdef"


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">ll", len(data) + 4, kind) + data


def message(body: bytes, attempts: int = 1) -> bytes:
    return frame(2, struct.pack(">qH", 1_700_000_000_000_000_000, attempts) + ID + body)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 30))
def test_frames_are_found_however_the_stream_is_cut(bodies: list[bytes], step: int) -> None:
    stream = b"".join(message(body) for body in bodies)
    reader = codec.FrameReader(max_msg_bytes=100)
    frames = [found for at in range(0, len(stream), step) for found in reader.feed(stream[at : at + step])]
    assert [found.body for found in frames if isinstance(found, codec.Message)] == bodies


def test_each_kind_of_frame() -> None:
    reader = codec.FrameReader(max_msg_bytes=100)
    stream = frame(0, b"OK") + frame(1, b"E_BAD_TOPIC PUB topic is bad") + message(b"x", attempts=40_000)
    assert list(reader.feed(stream)) == [
        codec.Response(b"OK"),
        codec.Failure("E_BAD_TOPIC", "E_BAD_TOPIC PUB topic is bad"),
        codec.Message(ID.decode(), b"x", 40_000, 1_700_000_000_000_000_000),
    ]


@pytest.mark.parametrize(
    "stream", [struct.pack(">l", 10_000_000), struct.pack(">l", -1), frame(9, b"what is this")]
)
def test_a_stream_that_is_not_nsqs_is_given_up(stream: bytes) -> None:
    with pytest.raises(codec.BrokenStreamError):
        list(codec.FrameReader(max_msg_bytes=100).feed(stream))


def test_commands_are_what_the_protocol_says() -> None:
    assert codec.publish("t", b"abc") == b"PUB t\n\x00\x00\x00\x03abc"
    assert codec.publish_many("t", [b"a", b"bc"]) == (
        b"MPUB t\n\x00\x00\x00\x0f\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x02bc"
    )
    assert codec.requeue("id", 1500) == b"REQ id 1500\n"
    assert codec.ready(3) == b"RDY 3\n"


def test_the_id_in_an_error_about_a_message() -> None:
    assert _message_id("E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight") == ID.decode()
    assert _message_id("E_FIN_FAILED FIN failed") == ""
