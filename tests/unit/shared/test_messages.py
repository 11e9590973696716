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
