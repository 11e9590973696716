"""Reading multipart/form-data (RFC 7578) as it comes: nothing of a file is kept here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from gateway.core.errors import (
    BodyTooLargeError,
    IncompleteUploadError,
    InvalidRequestError,
    MalformedUploadError,
    UnsupportedTypeError,
)
from gateway.core.forms import FileStart, FormEvent, TextField
from gateway.http.continuing import continue_reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aiohttp import web

#: What the other fields and all boundaries may add to a file, in bytes.
OVERHEAD_BYTES: Final = 65_536

_FILE: Final = "file"
_MAX_FIELD_BYTES: Final = 8192
_MAX_SEGMENTS: Final = 16


class FormReader:
    """Turns the body of a request into the events of a form.

    Args:
        text_fields: names of the fields that may come beside the file.
        max_bytes: of the largest file that can be meant; a longer body is refused before it is read.
        idle_seconds: how long the client may send nothing.
        max_seconds: how long all of it may take, however steadily it comes: each upload holds a place.
    """

    def __init__(
        self, *, text_fields: frozenset[str], max_bytes: int, idle_seconds: float, max_seconds: float = 3600.0
    ) -> None:
        self._text_fields = text_fields
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._max_seconds = max_seconds

    async def events(self, request: web.BaseRequest) -> AsyncIterator[FormEvent]:
        """What comes, in the order in which it comes.

        Raises:
            UnsupportedTypeError: the body is no form.
            BodyTooLargeError: it is surely longer than any file may be.
            MalformedUploadError: it is not what RFC 7578 describes.
            IncompleteUploadError: it ends before its final boundary, nothing comes any more, or it takes too long.
            InvalidRequestError: a field is unknown, comes twice, is too long or no UTF-8.
        """
        parser = _parser(request)
        if (request.content_length or 0) > self._max_bytes + OVERHEAD_BYTES:
            raise BodyTooLargeError("file", self._max_bytes)
        await continue_reading(request)
        sorter = _Sorter(self._text_fields)
        total = 0
        end = asyncio.get_running_loop().time() + self._max_seconds
        while chunk := await self._read(request, end):
            total += len(chunk)
            if total > self._max_bytes + OVERHEAD_BYTES:
                raise BodyTooLargeError("file", self._max_bytes)
            try:
                found = list(parser.parse(chunk))
            except MultipartError as error:
                raise MalformedUploadError(f"The form cannot be read: {error.args[0]}.") from None
            for part in found:
                for event in sorter.take(part):
                    yield event
        try:
            parser.close()
        except MultipartError:
            raise IncompleteUploadError("The upload ended before its final boundary.") from None

    async def _read(self, request: web.BaseRequest, end: float) -> bytes:
        if asyncio.get_running_loop().time() >= end:
            raise IncompleteUploadError(f"The upload took longer than {self._max_seconds:g} seconds.")
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await request.content.readany()
        except TimeoutError:
            raise IncompleteUploadError(f"Nothing was sent for {self._idle_seconds:g} seconds.") from None


def _parser(request: web.BaseRequest) -> PushMultipartParser:
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind != "multipart/form-data":
        raise UnsupportedTypeError("An upload is multipart/form-data, with the file in the field file.")
    boundary = options.get("boundary", "")
    try:
        return PushMultipartParser(boundary, max_segment_count=_MAX_SEGMENTS)
    except MultipartError as error:
        raise MalformedUploadError(f"The form cannot be read: {error.args[0]}.") from None


class _Sorter:
    """Tells the file from the text fields, which are small and kept until they are whole."""

    def __init__(self, text_fields: frozenset[str]) -> None:
        self._text_fields = text_fields
        self._seen: set[str] = set()
        self._name = ""
        self._text = bytearray()

    def take(self, part: MultipartSegment | bytes | None) -> Iterator[FormEvent]:
        """What the parser gives: the head of a segment, some of its bytes, None at its end."""
        if isinstance(part, MultipartSegment):
            yield from self._begin(part)
        elif part is None:
            if self._name != _FILE:
                yield TextField(self._name, self._whole_text())
        elif self._name == _FILE:
            yield part
        else:
            self._text += part
            if len(self._text) > _MAX_FIELD_BYTES:
                raise InvalidRequestError.at(
                    "form", self._name, msg=f"is longer than {_MAX_FIELD_BYTES} bytes"
                )

    def _begin(self, segment: MultipartSegment) -> Iterator[FormEvent]:
        self._name = segment.name or ""
        self._text.clear()
        if self._name != _FILE and self._name not in self._text_fields:
            raise InvalidRequestError.at("form", self._name, msg="there is no such field")
        if self._name in self._seen:
            raise InvalidRequestError.at("form", self._name, msg="must be given once")
        self._seen.add(self._name)
        if self._name == _FILE:
            if not segment.filename:
                raise InvalidRequestError.at("form", _FILE, msg="must be a file with a name")
            yield FileStart(segment.filename, segment.content_type or "")

    def _whole_text(self) -> str:
        try:
            return self._text.decode()
        except UnicodeDecodeError:
            raise InvalidRequestError.at("form", self._name, msg="must be UTF-8") from None
