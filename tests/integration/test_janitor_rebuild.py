"""Indexing anew what is served, on real servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from janitor.tasks.rebuild_index import RebuildIndex
from shared.clock import new_id
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.search import SearchReads
from shared.postgres.rebuilds import PostgresRebuilds
from shared.postgres.upkeep_audit import PostgresAudit
from shared.vectors import SearchMode, SearchQuery
from support.audits import assert_converged, audit, repairer
from support.pipeline import CALLER, COLLECTION, DEFAULT_TENANT, Pipeline
from support.rows import DIMENSIONS, TENANT, add_content, index_content

if TYPE_CHECKING:
    from uuid import UUID

    from shared.vectors import WeaviateStore


async def test_a_rebuild_replaces_sound_objects_and_no_search_misses_one(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=10, chunks_each=25)
    await index_content(vectors, made)
    await vectors.ensure_alias(COLLECTION)
    rebuilds = PostgresRebuilds(database=pipeline.database)
    asked = await rebuilds.ask(caller=CALLER, source_id=made.source_id)
    assert (asked.total, asked.done, asked.finished_at) == (250, 0, None)
    assert (await rebuilds.ask(caller=CALLER, source_id=made.source_id)).id == asked.id
    task = RebuildIndex(rebuilds=rebuilds, waiting_max=100, at_once=60, slices=5, remembered_seconds=3600.0)
    seen: list[set[UUID]] = []
    stop = asyncio.Event()

    async def search() -> None:
        reads = SearchReads(database=pipeline.gateway)
        while not stop.is_set():
            scope = await reads.scope(DEFAULT_TENANT, None)
            hits = await vectors.search(
                TENANT,
                SearchQuery(mode=SearchMode.VECTOR, vector=np.ones(DIMENSIONS, np.float32), limit=2000),
            )
            found = await reads.visible(DEFAULT_TENANT, [hit.object_id for hit in hits], scope.moment)
            assert len(found) == len({row.chunk_id for row in found})
            seen.append({row.chunk_id for row in found})

    searching = asyncio.create_task(search())
    repair = repairer(pipeline, vectors)
    async with asyncio.timeout(60):
        while (row := await rebuilds.get(DEFAULT_TENANT, asked.id)) and row.finished_at is None:
            await task.run_once()
            assert await pipeline.value("SELECT count(*) FROM repairs") <= 160
            await repair.run_once()
    stop.set()
    await searching
    assert row is not None
    assert row.done == 250
    assert seen
    assert all(chunks == set(made.chunk_ids) for chunks in seen)
    states = await pipeline.rows("SELECT state, count(*) FROM objects GROUP BY state ORDER BY state")
    assert dict([tuple(row) for row in states])["superseded"] == 250
    active = {
        row["object_id"]
        for row in await pipeline.rows("SELECT object_id FROM objects WHERE state = 'active'")
    }
    assert active.isdisjoint(made.object_ids)
    assert await pipeline.value("SELECT coalesce(sum(repaired), 0) FROM audit_state") == 0, (
        "nothing was broken"
    )
    actions = await pipeline.rows("SELECT action, target FROM audit_log WHERE action = 'reindex'")
    assert [tuple(row) for row in actions] == [("reindex", str(made.source_id))]
    await pipeline.rows("UPDATE objects SET state = 'deleting' WHERE state = 'superseded'")
    await assert_converged(pipeline, vectors, made)


async def test_what_a_rebuild_waits_for_is_repaired_as_broken_where_it_breaks(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=3)
    await index_content(vectors, made)
    rebuilds = PostgresRebuilds(database=pipeline.database)
    asked = await rebuilds.ask(caller=CALLER, source_id=None)
    assert (await rebuilds.ask(caller=CALLER, source_id=made.source_id)).id == asked.id
    assert await rebuilds.advance(asked.id, at_most=10, waiting_max=100) == 3
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids[:1])
    assert (await audit(pipeline, vectors).run_once())["broken"] == 1
    kinds = await pipeline.rows("SELECT kind FROM repairs ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["missing", "rebuild", "rebuild"]
    assert await repairer(pipeline, vectors).run_once() == 3
    states = await pipeline.rows(
        "SELECT state FROM objects WHERE object_id = ANY ($1::uuid[])", made.object_ids
    )
    assert sorted(row["state"] for row in states) == ["deleting", "superseded", "superseded"]


async def test_a_rebuild_of_a_source_notes_each_of_its_objects_once(pipeline: Pipeline) -> None:
    made = await add_content(pipeline.database, documents=7, chunks_each=5)
    await add_content(pipeline.database, documents=1, chunks_each=5)
    rebuilds = PostgresRebuilds(database=pipeline.database)
    asked = await rebuilds.ask(caller=CALLER, source_id=made.source_id)
    noted = [await rebuilds.advance(asked.id, at_most=8, waiting_max=100) for _ in range(6)]
    assert noted == [8, 8, 8, 8, 3, 0]
    rows = await pipeline.rows("SELECT object_id FROM repairs")
    assert sorted(row["object_id"] for row in rows) == sorted(made.object_ids)


async def test_a_rebuild_ends_when_another_collection_is_written_to(pipeline: Pipeline) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=5)
    rebuilds = PostgresRebuilds(database=pipeline.database)
    asked = await rebuilds.ask(caller=CALLER, source_id=None)
    assert await rebuilds.advance(asked.id, at_most=3, waiting_max=3) == 3
    await PostgresAudit(database=pipeline.database).note_broken(
        dict.fromkeys(sorted(made.object_ids)[:1], "missing")
    )
    await pipeline.rows("UPDATE collections SET is_current = false")
    await pipeline.rows(
        "INSERT INTO collections (name, model, dimensions, is_current) VALUES ('Chunks_later', 'later', 3, true)"
    )
    assert await rebuilds.advance(asked.id, at_most=3, waiting_max=3) == 0
    ended = await rebuilds.get(DEFAULT_TENANT, asked.id)
    assert ended is not None
    assert ended.finished_at is not None
    assert (ended.reason, ended.done, ended.total) == ("collection_changed", 0, 5)
    assert [row["kind"] for row in await pipeline.rows("SELECT kind FROM repairs")] == ["missing"]
    assert (await rebuilds.ask(caller=CALLER, source_id=None)).id != asked.id, "it blocks no other"


async def test_a_rebuild_of_what_is_not_there_is_refused(pipeline: Pipeline) -> None:
    rebuilds = PostgresRebuilds(database=pipeline.database)
    with pytest.raises(NotFoundError):
        await rebuilds.ask(caller=CALLER, source_id=new_id())
    nothing = await rebuilds.ask(caller=CALLER, source_id=None)
    for _ in range(2):
        await rebuilds.advance(nothing.id, at_most=10, waiting_max=10)
    ended = await rebuilds.get(DEFAULT_TENANT, nothing.id)
    assert ended is not None
    assert ended.finished_at is not None
    assert await rebuilds.get(new_id(), nothing.id) is None
