from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.content import Chunk
from shared.contracts.messages import (
    ContentReport,
    DeleteMessage,
    MalformedMessageError,
    ResultMessage,
    TaskMessage,
    decode,
    encode,
    source_named,
)
from shared.states import Handler

TASK = TaskMessage(
    job_id=UUID(int=1),
    epoch=3,
    tenant_id=UUID(int=2),
    handler=Handler.WEB,
    attempt=1,
    request_id="r",
    payload={"url": "https://site.test/"},
)


def test_messages_come_back_as_they_were() -> None:
    assert decode(encode(TASK), TaskMessage) == TASK
    chunk = Chunk(text="ü \u0000", heading_path=("a", "b"), hash="h", occurrence=2, page=1, row=None)
    content = ContentReport(title="t", content_type="c", content_hash="h", chunks=[chunk], chunk_count=1)
    result = ResultMessage(
        job_id=UUID(int=1), epoch=1, tenant_id=UUID(int=2), handler=Handler.FILE, payload={}, content=content
    )
    assert decode(encode(result), ResultMessage) == result
    delete = DeleteMessage(source_id=UUID(int=4), tenant_id=UUID(int=2))
    assert decode(encode(delete), DeleteMessage) == delete


def test_the_version_travels_in_every_message() -> None:
    assert msgspec.json.decode(encode(TASK))["v"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"epoch": 0},
        {"epoch": 2**31},
        {"attempt": 2**31},
        {"handler": "ftp"},
        {"job_id": "nothing"},
        {"surprise": 1},
        {"payload": []},
    ],
)
def test_other_versions_and_wrong_fields_are_refused(change: dict[str, object]) -> None:
    body = msgspec.json.encode(msgspec.json.decode(encode(TASK)) | change)
    with pytest.raises(MalformedMessageError):
        decode(body, TaskMessage)


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_anything_else(noise: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(noise, TaskMessage)
    with pytest.raises(MalformedMessageError):
        decode(noise, ResultMessage)
    with pytest.raises(MalformedMessageError):
        decode(noise, DeleteMessage)


@pytest.mark.parametrize("change", [{"epoch": 2**31}, {"parts": 2**31}, {"part": 2**31, "parts": 2**31}])
def test_numbers_that_no_column_holds_are_refused(change: dict[str, object]) -> None:
    result = ResultMessage(
        job_id=UUID(int=1), epoch=1, tenant_id=UUID(int=2), handler=Handler.FILE, payload={}
    )
    body = msgspec.json.encode(msgspec.json.decode(encode(result)) | change)
    with pytest.raises(MalformedMessageError):
        decode(body, ResultMessage)


def test_a_part_beyond_its_set_is_refused() -> None:
    result = ResultMessage(
        job_id=UUID(int=1), epoch=1, tenant_id=UUID(int=2), handler=Handler.FILE, payload={}
    )
    body = msgspec.json.encode(msgspec.json.decode(encode(result)) | {"part": 2, "parts": 2})
    with pytest.raises(MalformedMessageError):
        decode(body, ResultMessage)


def task_with(payload: bytes) -> bytes:
    """A task whose payload is this JSON."""
    body = encode(TASK)
    return body.replace(msgspec.json.encode(TASK.payload), payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"x":' + b"9" * 900_000 + b"}",
        b'{"x":1e999}',
        b'{"x":NaN}',
        b'{"x":"\\ud800"}',
        b"null",
        b"7",
    ],
    ids=["deep", "long number", "infinite", "no number", "half a character", "nothing", "a number"],
)
def test_payloads_that_cannot_be_kept_are_refused(payload: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(task_with(payload), TaskMessage)


@pytest.mark.parametrize("kind", [TaskMessage, ResultMessage, DeleteMessage])
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"1", b'"x"', b"[]", b"{}{}", b'{"v":true}', b"\xef\xbb\xbf{}", bytes(range(256)) * 4000],
)
def test_what_is_no_object_of_ours_is_refused_by_every_reader(kind: type[TaskMessage], body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(body, kind)


@pytest.mark.parametrize(
    "payload", [{}, {"source_id": 7}, {"source_id": None}, {"source_id": "x"}, {"source_id": []}]
)
def test_a_payload_that_names_no_source_names_none(payload: dict[str, object]) -> None:
    assert source_named(payload) is None
    assert source_named({"source_id": str(UUID(int=3))}) == UUID(int=3)
