from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quern.errors import UnexpectedAnswerError
from quern.event_stream import EventParser, ServerEvent


def read(*pieces: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_has_a_name_data_and_id(end: bytes) -> None:
    lines = [b": comment", b"id: 7", b"event: log", b"data: a", b"data: b", b"", b""]
    assert read(end.join(lines)) == [ServerEvent("log", "a\nb", "7")]


def test_the_id_stays_until_it_is_replaced() -> None:
    stream = b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"
    assert [event.last_id for event in read(stream)] == ["1", "1", ""]


@pytest.mark.parametrize("stream", [b"data: a\n", b": beat\n\n", b"event: x\n\n", b"id: 3\n\n"])
def test_what_has_no_data_or_no_end_is_no_event(stream: bytes) -> None:
    assert read(stream) == []


def test_a_byte_order_mark_is_left_out() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n") == [ServerEvent("message", "a", "")]


def test_only_one_space_is_taken_off_and_none_is_needed() -> None:
    assert [event.data for event in read(b"data:a\n\ndata:  b\n\ndata\n\n")] == ["a", " b", ""]


@pytest.mark.parametrize("piece", [b"x" * 20, b"data: " + b"x" * 20 + b"\n"])
def test_an_event_without_end_is_refused_before_it_fills_the_memory(piece: bytes) -> None:
    parser = EventParser(max_event_bytes=1000)
    with pytest.raises(UnexpectedAnswerError):
        list(map(parser.feed, [piece] * 100))


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data: x", b"data", b"id: 4", b"event: e", b":"])),
    st.data(),
)
def test_how_the_bytes_are_cut_changes_nothing(tokens: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(tokens)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert read(*pieces) == read(stream)
