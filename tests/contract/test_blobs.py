"""What every blob store does: the file system and the fake."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.blobs import BlobMissingError, BlobStore, BlobTooLargeError, FilesystemBlobStore
from shared.clock import new_id, now
from shared.errors import DependencyRejectedError, DependencyUnavailableError
from shared.testing.blobs import MemoryBlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from uuid import UUID

HOUR = timedelta(hours=1)


@pytest.fixture(params=["filesystem", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    made: BlobStore
    if request.param == "filesystem":
        made = FilesystemBlobStore(root=tmp_path / "blobs")
    else:
        made = MemoryBlobStore(scratch=tmp_path)
    yield made
    await made.close()


async def put(store: BlobStore, data: bytes, *, name: str = "report.pdf", tenant: UUID | None = None) -> str:
    async with await store.open_writer(
        tenant_id=tenant or new_id(), run_id=new_id(), file_name=name, limit_bytes=len(data)
    ) as writer:
        await writer.write(data)
        return (await writer.commit()).uri


async def uris(store: BlobStore, *, age: timedelta = -HOUR) -> set[str]:
    return {entry.uri async for entry in store.sweep(modified_before=now() - age)}


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_001])
async def test_what_is_written_is_read(store: BlobStore, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    writer = await store.open_writer(
        tenant_id=new_id(), run_id=new_id(), file_name="data.bin", limit_bytes=size
    )

    for start in range(0, size, 70_000):
        await writer.write(data[start : start + 70_000])
    blob = await writer.commit()

    assert blob.size_bytes == size
    assert blob.sha256 == hashlib.sha256(data).hexdigest()
    assert (await store.path_for_reading(blob.uri)).read_bytes() == data


async def test_a_uri_names_tenant_run_and_file(store: BlobStore) -> None:
    tenant, run = new_id(), new_id()
    async with await store.open_writer(
        tenant_id=tenant, run_id=run, file_name="../Größe 100%.pdf", limit_bytes=9
    ) as writer:
        blob = await writer.commit()

    assert blob.uri.startswith("file:///")
    assert blob.uri.endswith(f"/{tenant}/{run}/Gr%C3%B6%C3%9Fe%20100%25.pdf")
    assert (await store.path_for_reading(blob.uri)).name == "Größe 100%.pdf"


async def test_one_byte_over_the_limit_is_refused(store: BlobStore) -> None:
    writer = await store.open_writer(tenant_id=new_id(), run_id=new_id(), file_name="a", limit_bytes=10)
    await writer.write(b"x" * 10)

    with pytest.raises(BlobTooLargeError) as caught:
        await writer.write(b"x")
    assert caught.value.limit_bytes == 10
    with pytest.raises(BlobTooLargeError):
        await writer.commit()
    await writer.abort()
    assert await uris(store) == set()


async def test_leaving_without_a_commit_removes_everything(store: BlobStore) -> None:
    async with await store.open_writer(
        tenant_id=new_id(), run_id=new_id(), file_name="a", limit_bytes=10_000_000
    ) as writer:
        await writer.write(b"x" * 5_000_000)
        assert len(await uris(store)) == 1

    assert await uris(store) == set()
    with pytest.raises(DependencyUnavailableError):
        await writer.write(b"x")


async def test_a_cancelled_upload_leaves_nothing(store: BlobStore) -> None:
    begun = asyncio.Event()

    async def upload() -> None:
        async with await store.open_writer(
            tenant_id=new_id(), run_id=new_id(), file_name="a", limit_bytes=100_000_000
        ) as writer:
            for _ in range(10):
                await writer.write(b"x" * 3_000_000)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(upload())
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await uris(store) == set()


async def test_abort_after_a_commit_keeps_the_blob(store: BlobStore) -> None:
    writer = await store.open_writer(tenant_id=new_id(), run_id=new_id(), file_name="a", limit_bytes=1)
    blob = await writer.commit()

    await writer.abort()
    await writer.abort()

    assert await uris(store) == {blob.uri}
    with pytest.raises(DependencyUnavailableError):
        await writer.commit()


async def test_a_running_upload_cannot_be_read_but_is_found_by_a_sweep(store: BlobStore) -> None:
    writer = await store.open_writer(tenant_id=new_id(), run_id=new_id(), file_name="a", limit_bytes=9)
    (remains,) = await uris(store)

    with pytest.raises(BlobMissingError):
        await store.path_for_reading(remains)
    await store.delete(remains)
    assert await uris(store) == set()
    await writer.abort()


async def test_a_second_upload_for_the_same_run_is_refused(store: BlobStore) -> None:
    tenant, run = new_id(), new_id()
    async with await store.open_writer(tenant_id=tenant, run_id=run, file_name="a", limit_bytes=9):
        with pytest.raises(DependencyRejectedError, match="already"):
            await store.open_writer(tenant_id=tenant, run_id=run, file_name="b", limit_bytes=9)


async def test_deleting_twice_is_fine(store: BlobStore) -> None:
    tenant = new_id()
    gone, kept = await put(store, b"1", tenant=tenant), await put(store, b"2", tenant=tenant)

    await store.delete(gone)
    await store.delete(gone)

    with pytest.raises(BlobMissingError):
        await store.path_for_reading(gone)
    assert await uris(store) == {kept}


async def test_a_sweep_finds_what_is_old_enough(store: BlobStore) -> None:
    expected = {await put(store, b"x", name=f"{number}.txt") for number in range(30)}

    assert await uris(store) == expected
    assert await uris(store, age=HOUR) == set()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/{t}/{r}/../../../etc/passwd",
        "/{t}/{r}/..%2F..%2Fetc%2Fpasswd",
        "/{t}/../{r}/name",
        "/{t}/{r}/",
        "/{t}/{r}/..",
        "/{t}/{r}/.hidden",
        "/{t}/{r}/nul%00byte",
        "/{t}/{r}/%FF",
        "/{T}/{r}/name",
        "/{t}/{r}/name?query",
        "/{t}/{r}/name#fragment",
    ],
)
async def test_no_uri_leads_outside(store: BlobStore, path: str) -> None:
    tenant = new_id()
    uri = "file://" + path.format(t=tenant, T=str(tenant).upper(), r=new_id())

    with pytest.raises(BlobMissingError):
        await store.path_for_reading(uri)
    with pytest.raises(BlobMissingError):
        await store.delete(uri)


@pytest.mark.parametrize("prefix", ["http://host", "file://host", "s3://bucket", ""])
async def test_other_schemes_and_hosts_are_no_blobs(store: BlobStore, prefix: str) -> None:
    path = (await put(store, b"x")).removeprefix("file://")

    with pytest.raises(BlobMissingError):
        await store.path_for_reading(prefix + path)


async def test_a_closed_store_says_so(store: BlobStore) -> None:
    await store.check()
    await store.close()
    await store.close()

    with pytest.raises(DependencyUnavailableError) as caught:
        await store.check()
    assert caught.value.dependency == "blobs"
