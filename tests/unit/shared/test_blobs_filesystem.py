"""What only the file system can get wrong."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.blobs import FilesystemBlobStore
from shared.clock import new_id, now
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from uuid import UUID

    from shared.blobs import BlobWriter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[FilesystemBlobStore]:
    made = FilesystemBlobStore(root=root, deadline_seconds=5)
    yield made
    await made.close()


async def open_writer(store: FilesystemBlobStore, *, tenant: UUID | None = None) -> BlobWriter:
    return await store.open_writer(
        tenant_id=tenant or new_id(), run_id=new_id(), file_name="a.txt", limit_bytes=100_000_000
    )


def below(root: Path) -> list[Path]:
    return list(root.rglob("*"))


async def test_only_the_owner_can_read(store: FilesystemBlobStore, root: Path) -> None:
    writer = await open_writer(store)
    await writer.commit()

    assert {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in below(root)} == {
        (True, 0o700),
        (False, 0o600),
    }


async def test_the_name_appears_after_the_bytes_are_durable(
    store: FilesystemBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, len(list(root.rglob("a.txt")))))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    writer = await open_writer(store)
    await writer.write(b"bytes")
    await writer.commit()

    assert seen == [("file", 0), ("directory", 1), ("directory", 1), ("directory", 1)]


async def test_a_full_disk_ends_the_upload(store: FilesystemBlobStore, root: Path) -> None:
    tenant = new_id()
    writer = await open_writer(store, tenant=tenant)
    file = writer._file._file  # type: ignore[attr-defined]  # the suite's way to a file that fails
    os.dup2(full := os.open("/dev/full", os.O_WRONLY), file.fileno())
    os.close(full)

    await writer.write(b"x" * 3_000_000)
    with pytest.raises(DependencyUnavailableError, match="No space"):
        await writer.write(b"x" * 3_000_000)
    with pytest.raises(DependencyUnavailableError, match="over"):
        await writer.commit()
    await writer.abort()
    assert below(root) == [root / str(tenant)]


async def test_a_failed_fsync_is_no_commit(
    store: FilesystemBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    async with await open_writer(store) as writer:
        await writer.write(b"bytes")
        with pytest.raises(DependencyUnavailableError, match="Input/output"):
            await writer.commit()

    assert [path for path in below(root) if path.is_file()] == []


async def test_a_stalled_disk_ends_with_the_deadline(root: Path) -> None:
    store = FilesystemBlobStore(root=root, deadline_seconds=0.05, threads=1)
    release = threading.Event()
    stalled = store._threads.submit(release.wait)

    try:
        with pytest.raises(DependencyUnavailableError, match="longer than"):
            await open_writer(store)
    finally:
        release.set()
        stalled.result(5)
        await store.close()


async def test_a_slow_disk_holds_the_upload_back(root: Path) -> None:
    store = FilesystemBlobStore(root=root, threads=1)
    writer = await open_writer(store)
    release = threading.Event()
    store._threads.submit(release.wait)
    written = 0

    async def upload() -> None:
        nonlocal written
        for _ in range(100):
            await writer.write(b"x" * 500_000)
            written += 500_000

    task = asyncio.create_task(upload())
    for _ in range(1000):
        await asyncio.sleep(0)
    held_back_at = written
    release.set()
    await task

    assert 2_000_000 <= held_back_at <= 6_000_000
    assert (await writer.commit()).size_bytes == 50_000_000
    await store.close()


async def test_a_sweep_passes_over_foreign_files_and_clears_empty_runs(
    store: FilesystemBlobStore, root: Path
) -> None:
    blob = await (await open_writer(store)).commit()
    (root / "lost+found").mkdir()
    (root / "README").write_text("not a blob")
    (root / str(new_id()) / "not a run").mkdir(parents=True)
    old = root / str(new_id()) / str(new_id())
    old.mkdir(parents=True)
    long_ago = (now() - timedelta(days=3)).timestamp()
    os.utime(old, (long_ago, long_ago))
    young = old.parent / str(new_id())
    young.mkdir()

    found = [entry.uri async for entry in store.sweep(modified_before=now() - timedelta(days=1))]
    assert found == []
    assert not old.exists()
    assert young.exists()
    (entry,) = [entry async for entry in store.sweep(modified_before=now() + timedelta(days=1))]
    assert entry.uri == blob.uri
    assert abs(entry.modified_at - now()) < timedelta(minutes=1)


async def test_a_moved_store_finds_its_blobs(store: FilesystemBlobStore, root: Path, tmp_path: Path) -> None:
    blob = await (await open_writer(store)).commit()
    os.rename(root, tmp_path / "moved")  # noqa: PTH104  (Path.rename is what ruff takes for slow here)
    moved = FilesystemBlobStore(root=tmp_path / "moved")

    assert (await moved.path_for_reading(blob.uri)).is_file()
    await moved.close()


async def test_a_root_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FilesystemBlobStore(root=tmp_path / "file" / "blobs")

    with pytest.raises(DependencyUnavailableError) as caught:
        await store.check()
    assert caught.value.dependency == "blobs"
    await store.close()
