from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    BodyTooLargeError,
    IncompleteUploadError,
    InvalidRequestError,
    MalformedUploadError,
    UnsupportedTypeError,
)
from gateway.core.forms import FileStart, FormEvent, TextField
from gateway.http.form import OVERHEAD_BYTES, FormReader
from unit.gateway.fakes import FakeRequest

BOUNDARY = "multipart/form-data; boundary=XX"
CONTENT = b"one\r\ntwo\r\n--X not a boundary \xff\x00 \r"


def part(disposition: str, content: bytes, content_type: str | None = None) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode() + content + b"\r\n"


END = b"--XX--\r\n"
FILE = part('name="file"; filename="a b.txt"', CONTENT, "text/plain")
TITLE = part('name="title"', "Übersicht".encode())


def reader(max_bytes: int = 1000, idle_seconds: float = 5.0, max_seconds: float = 60.0) -> FormReader:
    return FormReader(
        text_fields=frozenset({"title", "group_id"}),
        max_bytes=max_bytes,
        idle_seconds=idle_seconds,
        max_seconds=max_seconds,
    )


async def read(
    *chunks: bytes | None, form: FormReader | None = None, content_type: str = BOUNDARY, **headers: str
) -> list[FormEvent]:
    request = FakeRequest(chunks, Content_Type=content_type, **headers)
    return [event async for event in (form or reader()).events(cast("Any", request))]


def joined(events: list[FormEvent]) -> tuple[list[FormEvent], bytes]:
    others: list[FormEvent] = [event for event in events if not isinstance(event, bytes)]
    return others, b"".join(event for event in events if isinstance(event, bytes))


@pytest.mark.parametrize("parts", [[FILE, TITLE], [TITLE, FILE]])
async def test_fields_come_in_any_order(parts: list[bytes]) -> None:
    others, content = joined(await read(b"".join(parts) + END))
    assert content == CONTENT
    assert set(map(str, others)) == {
        str(FileStart("a b.txt", "text/plain")),
        str(TextField("title", "Übersicht")),
    }


@given(st.lists(st.integers(1, 40), max_size=40))
async def test_it_does_not_matter_how_the_body_is_cut(sizes: list[int]) -> None:
    body = TITLE + FILE + END
    chunks, start = [], 0
    for size in sizes:
        chunks.append(body[start : start + size])
        start += size
    chunks.append(body[start:])
    others, content = joined(await read(*(chunk for chunk in chunks if chunk)))
    assert content == CONTENT
    assert others == [TextField("title", "Übersicht"), FileStart("a b.txt", "text/plain")]


@pytest.mark.parametrize(
    "body", [FILE, FILE + b"--XX", FILE + b"--X", TITLE + FILE[:50], b"--XX\r\n", b"", b"no form"]
)
async def test_a_body_without_its_final_boundary_is_incomplete(body: bytes) -> None:
    with pytest.raises(IncompleteUploadError):
        await read(body)


async def test_a_client_that_falls_silent_is_not_waited_for() -> None:
    with pytest.raises(IncompleteUploadError, match=r"0\.01 seconds"):
        await read(FILE, None, form=reader(idle_seconds=0.01))


async def test_an_upload_that_drips_for_ever_is_cut_off() -> None:
    whole = FILE + END
    drops = [whole[at : at + 1] for at in range(len(whole))]
    with pytest.raises(IncompleteUploadError, match=r"longer than 0 seconds"):
        await read(*drops, form=reader(max_seconds=0.0))


@pytest.mark.parametrize(
    "body",
    [
        b"--XX\r\nno colon\r\n\r\nx\r\n" + END,
        b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n" + END,
        b'--XX\r\nContent-Disposition: form-data; name="title"\r\n' + b"X: y\r\n" * 20 + b"\r\nx\r\n" + END,
        part('name="file"; filename="\xff"', b"x").replace("ÿ".encode(), b"\xff") + END,
    ],
)
async def test_what_is_not_a_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedUploadError):
        await read(body)


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/mixed; boundary=XX"])
async def test_another_kind_of_body_is_unsupported(content_type: str) -> None:
    with pytest.raises(UnsupportedTypeError):
        await read(FILE + END, content_type=content_type)


async def test_a_form_without_a_boundary_is_malformed() -> None:
    with pytest.raises(MalformedUploadError):
        await read(FILE + END, content_type="multipart/form-data")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (FILE + FILE + END, "file"),
        (TITLE + TITLE + FILE + END, "title"),
        (part('name="tenant_id"', b"x") + FILE + END, "tenant_id"),
        (part('name="other"; filename="b.txt"', b"x") + FILE + END, "other"),
        (part('name="file"', b"x") + END, "file"),
        (part('name="file"; filename=""', b"x") + END, "file"),
        (part('name="title"', b"\xff") + END, "title"),
        (part('name="title"', b"x" * 9000) + END, "title"),
    ],
)
async def test_a_field_that_does_not_belong_there_is_named(body: bytes, name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await read(body, form=reader(max_bytes=100_000))
    assert [fault.loc for fault in refused.value.faults] == [("form", name)]


async def test_a_body_that_is_surely_too_large_is_refused_before_it_is_read() -> None:
    request = FakeRequest([FILE], Content_Type=BOUNDARY, Content_Length=str(1000 + OVERHEAD_BYTES + 1))
    with pytest.raises(BodyTooLargeError) as refused:
        _ = [event async for event in reader().events(cast("Any", request))]
    assert (refused.value.limit_bytes, request.reads) == (1000, 0)


async def test_an_endless_body_without_a_length_is_cut_off() -> None:
    request = FakeRequest([b"x" * 10_000] * 100, Content_Type=BOUNDARY)
    with pytest.raises(BodyTooLargeError):
        _ = [event async for event in reader().events(cast("Any", request))]
    assert request.reads < 10


async def test_a_client_that_waits_is_told_to_go_on() -> None:
    request = FakeRequest([FILE + END], Content_Type=BOUNDARY, Expect="100-continue")
    _ = [event async for event in reader().events(cast("Any", request))]
    assert request.writer.written.startswith(b"HTTP/1.1 100 ")
    assert request.writer.output_size == 0
