from __future__ import annotations

import hashlib
import tracemalloc
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from quern import Client, ProblemError, UploadFileError
from quern.multipart import MultipartFile
from unit.quern import shapes

if TYPE_CHECKING:
    from pathlib import Path

    from unit.quern.fake_gateway import FakeGateway


async def test_a_file_arrives_as_it_is_with_its_length(
    gateway: FakeGateway, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "guide.md"
    content = bytes(range(256)) * 20_000  # several pieces, with every byte
    path.write_bytes(content)
    sent: list[tuple[int, int]] = []
    group = UUID(shapes.new_id())
    accepted = await client.upload(
        path, group_id=group, title="Ünïcode", version_label="v2", on_sent=lambda *p: sent.append(p)
    )
    [upload] = gateway.uploads
    assert accepted.status == "queued"
    assert upload["digest"] == hashlib.sha256(content).hexdigest()
    assert upload["length"] == int(gateway.seen[0].headers["Content-Length"]) > len(content)
    assert "Transfer-Encoding" not in gateway.seen[0].headers
    assert (upload["group_id"], upload["title"], upload["version_label"]) == (str(group), "Ünïcode", "v2")
    assert sent[-1] == (len(content), len(content))
    assert sent == sorted(sent)
    assert len(sent) == 5


@pytest.mark.parametrize("name", ['a"b.txt', "ü — 日本.txt", "a\nb.txt"])
async def test_any_file_name_arrives(gateway: FakeGateway, client: Client, tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text("text")
    await client.upload(path, file_name=name)
    arrived = gateway.uploads[0]["file_name"]
    assert arrived.replace("%22", '"').replace("%0A", "\n") == name


async def test_a_duplicate_names_what_it_repeats(
    gateway: FakeGateway, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "x.txt"
    path.write_text("text")
    await client.upload(path)
    again = await client.upload(path)
    assert (again.status, again.reason) == ("skipped", "duplicate")
    assert again.duplicate_of is not None
    assert len(gateway.uploads) == 2


async def test_an_empty_file_is_refused_by_the_gateway(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.touch()
    with pytest.raises(ProblemError) as refused:
        await client.upload(path)
    assert refused.value.code == "empty_file"


async def test_a_file_that_is_not_there_is_told_with_its_name(client: Client, tmp_path: Path) -> None:
    with pytest.raises(UploadFileError, match=r"missing\.pdf cannot be read: No such file"):
        await client.upload(tmp_path / "missing.pdf")


async def test_a_folder_is_no_file(client: Client, tmp_path: Path) -> None:
    with pytest.raises(UploadFileError, match="Is a directory"):
        await client.upload(tmp_path)


@pytest.mark.parametrize("size", [10, 90])
async def test_a_file_that_changes_meanwhile_is_not_sent_as_if_it_were_whole(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(b"x" * 50)
    body = MultipartFile(path=path, file_name="growing.log", fields={})
    path.write_bytes(b"x" * size)
    with pytest.raises(UploadFileError, match="changed while it was uploaded"):
        [piece async for piece in body]


async def test_the_announced_length_is_the_length(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"\r\n--" * 1000)
    body = MultipartFile(path=path, file_name="ä.bin", fields={"title": "日本"}, boundary="b")
    whole = b"".join([piece async for piece in body])
    assert len(whole) == int(body.headers["Content-Length"])
    assert whole.startswith(b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n')
    assert whole.endswith(b"\r\n--b--\r\n")


async def test_a_large_file_is_never_held_whole(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    try:
        await client.upload(path)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
