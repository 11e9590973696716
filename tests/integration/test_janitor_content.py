"""Old versions, what failed tries left, originals without a run: on real Postgres."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from janitor.tasks.drop_abandoned import DropAbandoned
from janitor.tasks.sweep_blobs import SweepBlobs
from janitor.tasks.trim_versions import TrimVersions
from shared.blobs import BlobMissingError, FilesystemBlobStore
from shared.clock import new_id, now
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.upkeep_content import PostgresContentUpkeep
from shared.postgres.upkeep_turns import PostgresTurns
from support.pipeline import CALLER, DEFAULT_TENANT, Pipeline

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID


async def upload_versions(pipeline: Pipeline, count: int) -> tuple[UUID, list[UUID]]:
    """One file in so many versions; a chunk that all share, and one that each has alone."""
    document_id = None
    for number in range(count):
        upload = await pipeline.upload("a.md", b"%d" % number)
        (claim,) = await pipeline.work()
        stored = await pipeline.store(pipeline.file(claim, f"always\n\nversion {number}"))
        await pipeline.index(stored.indexing)
        document_id = upload.document_id
    assert document_id is not None
    rows = await pipeline.rows("SELECT id FROM document_versions ORDER BY seq")
    return document_id, [row["id"] for row in rows]


def trim(pipeline: Pipeline, *, keep: int, grace_seconds: float = 0.0) -> TrimVersions:
    content = PostgresContentUpkeep(database=pipeline.database)
    return TrimVersions(content=content, keep=keep, grace_seconds=grace_seconds, at_most=100)


def drop(pipeline: Pipeline, *, at_once: int = 100) -> DropAbandoned:
    content = PostgresContentUpkeep(database=pipeline.database)
    return DropAbandoned(content=content, after_seconds=0.0, at_once=at_once, slices=50)


async def texts(pipeline: Pipeline) -> set[str]:
    return {row["text"] for row in await pipeline.rows("SELECT text FROM chunks")}


async def test_only_the_newest_versions_are_kept_and_the_rest_is_removed(pipeline: Pipeline) -> None:
    document_id, versions = await upload_versions(pipeline, 5)
    assert await trim(pipeline, keep=3).run_once() == {"versions": 2}
    with pytest.raises(NotFoundError):
        await pipeline.intake.activate(caller=CALLER, document_id=document_id, version_id=versions[0])
    assert await drop(pipeline).run_once() == {"places": 4, "chunks": 2, "versions": 2, "parts": 0}
    left = await pipeline.rows("SELECT id FROM document_versions ORDER BY seq")
    assert [row["id"] for row in left] == versions[2:]
    assert await texts(pipeline) == {"always", "version 2", "version 3", "version 4"}
    assert await trim(pipeline, keep=3).run_once() == {}
    assert await drop(pipeline).run_once() == {"parts": 0}


async def test_removal_goes_on_slice_by_slice(pipeline: Pipeline) -> None:
    _, versions = await upload_versions(pipeline, 4)
    await trim(pipeline, keep=1).run_once()
    assert await drop(pipeline, at_once=2).run_once() == {"places": 6, "chunks": 3, "versions": 3, "parts": 0}
    assert await pipeline.value("SELECT id FROM document_versions") == versions[-1]


async def test_a_version_that_is_to_be_served_again_is_kept(pipeline: Pipeline) -> None:
    document_id, versions = await upload_versions(pipeline, 4)
    run_id = await pipeline.intake.activate(caller=CALLER, document_id=document_id, version_id=versions[0])
    assert await trim(pipeline, keep=1).run_once() == {"versions": 2}
    assert await pipeline.indexing.adopt(at_most=10) == [run_id]
    await pipeline.index([run_id])
    assert await pipeline.value("SELECT id FROM document_versions WHERE is_active") == versions[0]
    # It is the oldest of them and the one that is served: the others go.
    assert await trim(pipeline, keep=1).run_once() == {"versions": 1}


async def test_nothing_is_let_go_while_a_search_may_still_look_at_it(pipeline: Pipeline) -> None:
    await upload_versions(pipeline, 3)
    assert await trim(pipeline, keep=1, grace_seconds=60.0).run_once() == {"versions": 0}
    await pipeline.rows("UPDATE documents SET updated_at = now() - interval '61 seconds'")
    assert await trim(pipeline, keep=1, grace_seconds=60.0).run_once() == {"versions": 2}


async def test_what_a_try_staged_that_is_over_is_removed_but_not_what_is_at_work(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "at work"))
    assert await drop(pipeline).run_once() == {"parts": 0}
    await pipeline.rows("UPDATE jobs SET epoch = epoch + 1")
    assert await drop(pipeline).run_once() == {"places": 1, "chunks": 1, "versions": 1, "parts": 0}
    assert await texts(pipeline) == set()


async def test_parts_of_a_result_that_will_never_be_complete_are_forgotten(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.result(claim, content=pipeline.file(claim, "x").content, part=0, parts=2))
    content = PostgresContentUpkeep(database=pipeline.database)
    assert await content.forget_parts(at_most=10) == 0
    await pipeline.rows("UPDATE jobs SET epoch = epoch + 1")
    assert await content.forget_parts(at_most=10) == 1


async def keep_blob(blobs: FilesystemBlobStore, run_id: UUID) -> str:
    async with await blobs.open_writer(
        tenant_id=DEFAULT_TENANT, run_id=run_id, file_name="ä b.md", limit_bytes=100
    ) as writer:
        await writer.write(b"x")
        return (await writer.commit()).uri


async def test_originals_go_only_when_nothing_can_need_them_any_more(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    blobs = FilesystemBlobStore(root=tmp_path)
    kept, repeated, orphan, young = [new_id() for _ in range(4)]
    uris = {run_id: await keep_blob(blobs, run_id) for run_id in (kept, repeated, orphan, young)}
    for uri in (uris[kept], uris[repeated], uris[orphan]):
        path = await blobs.path_for_reading(uri)
        os.utime(path, (0, 0))
    await pipeline.upload("kept.md", b"1", run_id=kept, upload_uri=uris[kept])
    await pipeline.upload(
        "repeated.md", b"2", run_id=repeated, upload_uri="file:///moved" + uris[repeated][7:]
    )
    (first, second) = sorted(await pipeline.work(), key=lambda claim: claim.payload["file_name"])
    for claim in (first, second):
        await pipeline.index((await pipeline.store(pipeline.file(claim, "text"))).indexing)
    # Run again, and the first run removed: the new one still refers to the same original.
    await pipeline.intake.rerun(caller=CALLER, job_id=repeated)
    await pipeline.intake.delete_job(caller=CALLER, job_id=repeated)
    await pipeline.rows("DELETE FROM document_versions WHERE job_id = $1", repeated)
    # The run of this one is gone, but its version is being served.
    await pipeline.intake.delete_job(caller=CALLER, job_id=kept)

    sweep = SweepBlobs(
        content=PostgresContentUpkeep(database=pipeline.database),
        blobs=blobs,
        age_seconds=timedelta(days=1).total_seconds(),
        clock=now,
    )
    assert await sweep.run_once() == {"deleted": 1}
    with pytest.raises(BlobMissingError):
        await blobs.path_for_reading(uris[orphan])
    for run_id in (kept, repeated, young):
        assert (await blobs.path_for_reading(uris[run_id])).name == "ä b.md"
    await blobs.close()


async def test_a_turn_is_had_by_one_and_is_free_when_it_ends_lapses_or_its_owner_is_gone(
    pipeline: Pipeline,
) -> None:
    ids = [new_id(), new_id()]
    for key in ids:
        await pipeline.beat("janitor", key)
    one, two = (PostgresTurns(database=pipeline.database, owner_id=key) for key in ids)
    taken = await asyncio.gather(*(turns.take("t", seconds=60) for turns in (one, two)))
    assert sorted(taken) == [False, True]
    first, second = (one, two) if taken[0] else (two, one)
    assert await first.take("t", seconds=60), "its own turn is taken again"
    await first.end("t", {"changed": 3})
    assert await pipeline.value("SELECT last_counts FROM janitor_tasks") == {"changed": 3}
    assert not await second.take("t", seconds=60, not_within_seconds=30.0), "it was done just now"
    assert await second.take("t", seconds=60)
    await second.leave("t")
    assert await first.take("t", seconds=60)
    await pipeline.rows("UPDATE janitor_tasks SET leased_until = now() - interval '1 second'")
    assert await second.take("t", seconds=60)
    await pipeline.rows("DELETE FROM workers WHERE kind = 'janitor'")
    assert await first.take("t", seconds=60)
