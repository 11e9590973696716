"""Reading a body within its limits, whatever the server claims about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ingest_worker.adapters.http_decoding import BrokenBodyError, Decoder, decoder_for
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from aiohttp import ClientResponse


class Body(NamedTuple):
    """The content, whether it went on, and how many bytes came over the wire."""

    data: bytes
    truncated: bool
    received_bytes: int


class _FullError(Exception):
    """More than the limit."""


async def read_body(response: ClientResponse, *, host: str, max_bytes: int, cut: bool) -> Body:
    """Read and decompress the body of ``response``.

    Neither the transferred nor the decompressed bytes go beyond ``max_bytes`` by more than one decoding step,
    so a decompression bomb costs no more memory than an honest page of the largest size.

    Raises:
        WorkError: ``too_large`` (unless ``cut``), ``unsupported_type`` for an encoding that was not asked for,
            ``unreachable`` for one that is broken.
        aiohttp.ClientError: the connection broke.
    """
    if not cut and (response.content_length or 0) > max_bytes:
        raise _too_large(host, max_bytes)
    reader = _Reader(_decoder(response, host), max_bytes)
    try:
        async for data in response.content.iter_any():
            reader.feed(data)
        reader.finish()
    except _FullError:
        if not cut:
            raise _too_large(host, max_bytes) from None
    except BrokenBodyError as error:
        raise WorkError(
            ErrorCode.UNREACHABLE, f"The answer of {host} is broken: {error}.", retryable=True
        ) from error
    return reader.body()


class _Reader:
    """Collects the content up to the limit."""

    def __init__(self, decoder: Decoder, max_bytes: int) -> None:
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._received = 0

    def feed(self, data: bytes) -> None:
        self._received += len(data)
        for piece in self._decoder.feed(data):
            self._data += piece
            if len(self._data) > self._max_bytes:
                raise _FullError
        if self._received > self._max_bytes:
            raise _FullError

    def finish(self) -> None:
        self._decoder.finish()

    def body(self) -> Body:
        truncated = len(self._data) > self._max_bytes or self._received > self._max_bytes
        del self._data[self._max_bytes :]  # a slice would be one copy more of what may be a large page
        return Body(bytes(self._data), truncated, self._received)


def _decoder(response: ClientResponse, host: str) -> Decoder:
    encoding = ", ".join(response.headers.getall("Content-Encoding", ()))
    decoder = decoder_for(encoding)
    if decoder is None:
        raise WorkError(
            ErrorCode.UNSUPPORTED_TYPE,
            f"{host} sent the page in an encoding that was not asked for.",
            retryable=False,
        )
    return decoder


def _too_large(host: str, max_bytes: int) -> WorkError:
    return WorkError(
        ErrorCode.TOO_LARGE, f"The answer of {host} is larger than {max_bytes:,} bytes.", retryable=False
    )
