"""A file as the body of a multipart/form-data request (RFC 7578): read in pieces, with its exact length."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, BinaryIO, Final

from quern.errors import UploadFileError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

PIECE_BYTES: Final = 1024 * 1024
"""What is read and held at a time."""

_ESCAPES: Final = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}
"""How names are written in headers (HTML standard, 4.10.21.8: multipart/form-data encoding)."""


class MultipartFile:
    """The form fields and then the file.

    Args:
        path: the file; it is opened when the body is sent.
        file_name: what the gateway shall call it.
        fields: the form's other fields.
        on_sent: called with the file's bytes handed to the network so far, and the file's size.
        boundary: a text that no field holds; random if left out.

    Raises:
        UploadFileError: there is no such file, or it may not be read.
    """

    def __init__(
        self,
        *,
        path: Path,
        file_name: str,
        fields: Mapping[str, str],
        on_sent: Callable[[int, int], None] | None = None,
        boundary: str | None = None,
    ) -> None:
        self._path = path
        self._boundary = boundary or f"quern-{os.urandom(16).hex()}"
        self._head = self._preamble(file_name, fields)
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()
        self._on_sent = on_sent or (lambda _sent, _size: None)
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise _unreadable(path, error) from error

    @property
    def headers(self) -> dict[str, str]:
        """Content-Type and Content-Length."""
        length = len(self._head) + self.size + len(self._tail)
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(length),
        }

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in pieces.

        Raises:
            UploadFileError: the file cannot be read, or is not as long as it was.
        """
        yield self._head
        try:
            file = await asyncio.to_thread(self._path.open, "rb")
        except OSError as error:
            raise _unreadable(self._path, error) from error
        with file:
            async for piece in self._pieces(file):
                yield piece
        yield self._tail

    async def _pieces(self, file: BinaryIO) -> AsyncIterator[bytes]:
        sent = 0
        while True:
            try:
                piece = await asyncio.to_thread(file.read, PIECE_BYTES)
            except OSError as error:
                raise _unreadable(self._path, error) from error
            if sent + len(piece) > self.size or (not piece and sent < self.size):
                raise UploadFileError(
                    f"{self._path} changed while it was uploaded: try again when it is complete."
                )
            if not piece:
                return
            yield piece
            sent += len(piece)
            self._on_sent(sent, self.size)

    def _preamble(self, file_name: str, fields: Mapping[str, str]) -> bytes:
        parts = [f"{self._disposition(name)}\r\n\r\n{value}\r\n" for name, value in fields.items()]
        file = f'{self._disposition("file")}; filename="{file_name.translate(_ESCAPES)}"\r\n'
        return "".join([*parts, file, "Content-Type: application/octet-stream\r\n\r\n"]).encode()

    def _disposition(self, name: str) -> str:
        return f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name.translate(_ESCAPES)}"'


def _unreadable(path: Path, error: OSError) -> UploadFileError:
    return UploadFileError(f"{path} cannot be read: {error.strerror or error}.")
