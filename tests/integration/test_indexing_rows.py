"""What indexing does with its rows: ownership, slices, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.lost_answers import lose_first_answer
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.databases import Database


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(database.service_url)
    yield pipeline
    await pipeline.close()


async def test_a_job_whose_staging_was_committed_unheard_is_gone_on_with(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    lose_first_answer(pipeline.database, monkeypatch)
    stored = await pipeline.store(pipeline.file(claim, "words"))
    assert stored.indexing == []
    assert await pipeline.indexing.adopt(at_most=10) == [upload.run_id]
    assert await pipeline.indexing.adopt(at_most=10, known=[upload.run_id]) == []


async def test_an_adoption_that_was_committed_unheard_counts(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await pipeline.upload("a.md", b"X")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "words"))
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("result-consumer", other.consumer_id)
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    lose_first_answer(pipeline.database, monkeypatch)
    assert await other.indexing.adopt(at_most=10) == [upload.run_id]


async def test_jobs_at_work_do_not_keep_orphans_from_being_adopted(pipeline: Pipeline) -> None:
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("result-consumer", other.consumer_id)
    runs = {}
    for owner, name in ((other, "a.md"), (pipeline, "b.md")):
        runs[name] = (await pipeline.upload(name, name.encode())).run_id
        (claim,) = await pipeline.work()
        await owner.store(pipeline.file(claim, name))
    await pipeline.beat("result-consumer", pipeline.consumer_id, lease_seconds=-1)
    assert await other.indexing.adopt(at_most=1, known=[runs["a.md"]]) == [runs["b.md"]]
