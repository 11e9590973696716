"""Uploads that cannot work: refused at the door, or failed with a code, a sentence, and what replays them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support import documents

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth

UPLOAD_MAX_BYTES = 4_000_000
TABLE_MAX_BYTES = 1_000_000
"""As the stack has them."""


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("nothing.pdf", b"", 400, "empty_file"),
        ("picture.png", documents.PNG + bytes(5000), 415, "unsupported_type"),
        ("picture.pdf", documents.PNG + bytes(5000), 415, "unsupported_type"),
        ("program.md", b"\x7fELF" + bytes(5000), 415, "unsupported_type"),
        ("book.txt", b"word " * (UPLOAD_MAX_BYTES // 5 + 1), 413, "too_large"),
        ("table.csv", b"a,b\n" * (TABLE_MAX_BYTES // 4 + 1), 413, "too_large"),
    ],
)
async def test_file_is_refused_and_nothing_of_it_is_kept(
    quern: Client, truth: Truth, group: str, name: str, body: bytes, status: int, code: str
) -> None:
    blobs = truth.blobs()
    answer = await quern.send(name, body, group_id=group)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.body["detail"].endswith(".")
    assert (await quern.get(f"/v1/groups/{group}"))["sources"] == 0
    assert truth.blobs() == blobs


async def test_file_of_the_limit_is_taken(quern: Client, group: str) -> None:
    row = b"a,b\n"
    await quern.ingest("table.csv", row * (TABLE_MAX_BYTES // len(row) // 100), group_id=group)
    answer = await quern.send("limit.txt", b"word\n" * (UPLOAD_MAX_BYTES // 5), group_id=group)
    assert answer.status == 202
    await quern.post(f"/v1/jobs/{answer.body['run_id']}/cancel", status=202)


async def test_upload_that_breaks_off_is_refused_and_nothing_of_it_is_kept(
    quern: Client, truth: Truth, group: str
) -> None:
    blobs = truth.blobs()
    where = urlsplit(truth.stack.gateway_url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    part = (
        '--limit\r\nContent-Disposition: form-data; name="file"; filename="half.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{'half a story ' * 1000}"
    ).encode()
    head = (
        "POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {len(part)}\r\n\r\n"
    ).encode()
    writer.write(head + part)  # all that was announced, but without the boundary that ends it
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in answer.split(b"\r\n", 1)[0]
    assert b"incomplete_upload" in answer
    assert truth.blobs() == blobs


BROKEN = {
    "corrupt.pdf": (documents.truncated_pdf(), "corrupt_file"),
    "locked.pdf": (documents.encrypted_pdf(), "encrypted"),
    "scanned.pdf": (documents.scanned_pdf(), "empty_content"),
    "corrupt.docx": (documents.word()[:-500], "corrupt_file"),
    "locked.docx": (documents.encrypted_office(), "encrypted"),
    "blank.md": (b" \n\n \n", "empty_content"),
    "corrupt.parquet": (documents.parquet()[:-100] + b"PAR1", "corrupt_file"),
    "bomb.xlsx": (documents.zip_bomb(megabytes=400), "too_large"),
}


async def test_broken_files_fail_with_what_replays_them_while_others_go_on(
    quern: Client, truth: Truth, group: str
) -> None:
    good, *bad = await asyncio.gather(
        quern.upload("good.md", b"# Good\n\nThe good one among the bad.\n", group_id=group),
        *(quern.upload(name, body, group_id=group) for name, (body, _) in BROKEN.items()),
    )
    await quern.succeeded(good.run_id)
    for upload, (name, (_, code)) in zip(bad, BROKEN.items(), strict=True):
        run = await quern.ended(upload.run_id)
        assert (run["status"], run["error_code"], run["attempt"]) == ("failed", code, 1), (name, run)
        assert run["error"].endswith("."), run
        (failure,) = await quern.failures(upload.source_id)
        assert (failure["id"], failure["handler"], failure["error_code"]) == (upload.run_id, "file", code)
        assert (failure["retryable"], failure["next_retry_at"]) == (False, None)
        payload = failure["payload"]
        assert payload["file_name"] == name
        assert payload["upload_uri"].startswith("file:")
        document = await quern.get(f"/v1/documents/{upload.document_id}")
        assert (document["status"], document["active_version_id"]) == ("failed", None)
        assert (await quern.get(f"/v1/sources/{upload.source_id}"))["status"] == "failed"
    assert len(await quern.search("the good one among the bad", mode="keyword", group_ids=[group])) == 1
    await truth.converged()


async def test_better_bytes_under_the_same_name_repair_a_failed_upload(
    quern: Client, truth: Truth, group: str
) -> None:
    bad = await quern.upload("report.pdf", documents.truncated_pdf(), group_id=group)
    await quern.failed(bad.run_id, "corrupt_file")
    good = await quern.ingest("report.pdf", documents.pdf(["The turbine hums."]), group_id=group)
    assert (good.source_id, good.document_id) == (bad.source_id, bad.document_id)
    assert len(await quern.search("turbine", mode="keyword", group_ids=[group])) == 1
    # A retry of the older version finds that a newer one is served.
    await quern.post(f"/v1/jobs/{bad.run_id}/retry", status=202)
    run = await quern.ended(bad.run_id)
    assert run["status"] in {"failed", "skipped"}, run
    assert len(await quern.search("turbine", mode="keyword", group_ids=[group])) == 1
    await truth.converged()


@pytest.mark.parametrize(
    ("fields", "loc"), [({"colour": "red"}, "colour"), ({"group_id": "not-a-uuid"}, "group_id")]
)
async def test_unknown_or_wrong_fields_are_refused(quern: Client, fields: dict[str, str], loc: str) -> None:
    answer = await quern.send("a.md", b"# A\n\ntext\n", **fields)
    assert (answer.status, answer.body["code"]) == (422, "validation_error")
    assert loc in answer.body["errors"][0]["loc"]
