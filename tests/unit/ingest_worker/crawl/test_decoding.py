from __future__ import annotations

import gzip
import itertools
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.adapters.http_decoding import STEP_BYTES, BrokenBodyError, decoder_for


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    " Deflate ": raw_deflate,
    "br": brotli.compress,
    "identity": bytes,
    "": bytes,
}


def decode(encoding: str | None, *parts: bytes) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    pieces = [piece for part in parts for piece in decoder.feed(part)]
    decoder.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("encoding", ENCODERS)
@given(data=st.binary(max_size=300), size=st.integers(1, 50), repeat=st.sampled_from([1, 7, 5000]))
def test_what_was_encoded_comes_out_however_it_was_cut(
    encoding: str, data: bytes, size: int, repeat: int
) -> None:
    content = data * repeat
    encoded = ENCODERS[encoding](content)
    parts = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    assert decode(encoding, *parts) == content


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("extra", range(-300, 301, 75))
def test_nothing_is_held_back_at_the_edge_of_a_step(encoding: str, extra: int) -> None:
    content = b"ab" * ((2 * STEP_BYTES + extra) // 2)
    assert decode(encoding, ENCODERS[encoding](content)) == content


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_bomb_comes_in_small_pieces_that_nobody_must_take(encoding: str) -> None:
    decoder = decoder_for(encoding)
    assert decoder is not None
    bomb = ENCODERS[encoding](b"\0" * 20_000_000)
    sizes = [len(piece) for piece in itertools.islice(decoder.feed(bomb), 20)]
    assert max(sizes) <= 2 * STEP_BYTES
    assert sum(sizes) < 20_000_000


def test_several_members_and_padding() -> None:
    assert decode("gzip", gzip.compress(b"a") + gzip.compress(b"b"), gzip.compress(b"c")) == b"abc"
    assert decode("gzip", gzip.compress(b"a") + b"\0" * 100, b"\0" * 100) == b"a"
    assert decode("deflate", zlib.compress(b"a") + b"junk") == b"a"
    assert decode("br", brotli.compress(b"a"), b"junk") == b"a"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_broken_and_short_data_is_an_error(encoding: str) -> None:
    encoded = ENCODERS[encoding](bytes(range(256)) * 10)
    with pytest.raises(BrokenBodyError, match="too early"):
        decode(encoding, encoded[:-3])
    with pytest.raises(BrokenBodyError):
        decode(encoding, b"\xff\xfe\xfd" * 100)
    assert decode(encoding) == b""


@pytest.mark.parametrize("encoding", ["zstd", "compress", "gzip, gzip", "br, gzip", "nonsense"])
def test_what_was_not_asked_for_is_not_decoded(encoding: str) -> None:
    assert decoder_for(encoding) is None
