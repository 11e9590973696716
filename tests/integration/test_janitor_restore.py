"""A Postgres that was set back: everything is compared before anything superseded is deleted."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from janitor.tasks.discard_superseded import DiscardSuperseded
from native.postgres_programs import bin_dir, psql
from shared.clock import new_id
from shared.postgres.upkeep_figures import PostgresFigures
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from shared.vectors.port import Mark
from support.audits import assert_converged, audit, repairer, watch_of, watched
from support.pipeline import COLLECTION, Pipeline
from support.rows import TENANT, add_content, add_object, index_content, vector_object

if TYPE_CHECKING:
    from shared.vectors import WeaviateStore
    from support.databases import Database
    from support.servers import WeaviateServer

DUMP_SECONDS = 60


def dump(database: Database) -> str:
    """All that is needed to make it again, as ``pg_dump`` writes it."""
    parts = urlsplit(database.owner_url)
    done = subprocess.run(
        [bin_dir() / "pg_dump", "--dbname", database.owner_url, "--clean", "--if-exists"],
        env={**os.environ, "PGPASSWORD": parts.password or ""},
        capture_output=True,
        text=True,
        timeout=DUMP_SECONDS,
        check=True,
    )
    return done.stdout


def discard(pipeline: Pipeline, vectors: WeaviateStore) -> DiscardSuperseded:
    return DiscardSuperseded(
        objects=PostgresObjectUpkeep(database=pipeline.database),
        watch=watch_of(pipeline, vectors),
        grace_seconds=0.0,
        unused_after_seconds=3600.0,
        at_most=100,
    )


async def test_a_restored_postgres_deletes_nothing_superseded_before_all_is_compared(
    pipeline: Pipeline, vectors: WeaviateStore, database: Database
) -> None:
    made = await add_content(pipeline.database, documents=4, chunks_each=50)
    await index_content(vectors, made)
    async with pipeline.database.transaction() as connection:
        superseded = await add_object(
            connection, made, state="superseded", chunk_id=new_id(), batch_id=made.batch_ids[0]
        )
        await connection.execute("UPDATE objects SET superseded_at = now() WHERE object_id = $1", superseded)
    await vectors.insert(COLLECTION, TENANT, [vector_object(made, 0, object_id=superseded)])
    await audit(pipeline, vectors).run_once()
    backup = dump(database)

    # What happened since: something was indexed, something deleted, and somebody looked.
    since = vector_object(made, 1, object_id=new_id())
    await vectors.insert(COLLECTION, TENANT, [since])
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids[20:30])
    for _ in range(3):
        await watch_of(pipeline, vectors).look()
    await pipeline.close()
    psql(database.owner_url, backup)

    restored = await Pipeline.open(database.service_url)
    try:
        assert await discard(restored, vectors).run_once() == {"superseded": 0, "unused": 0}
        reason = await restored.value("SELECT full_reason FROM audit_watch")
        assert reason.startswith("Postgres is older")
        rolling = audit(restored, vectors, at_once=50, full_objects_per_turn=50)
        first = await rolling.run_once()
        assert "full" not in first
        assert await discard(restored, vectors).run_once() == {"superseded": 0, "unused": 0}
        turns = [first]
        while "full" not in turns[-1]:
            turns.append(await rolling.run_once())
            assert len(turns) < 20
        assert sum(turn["orphans"] for turn in turns) == 1, "what the restored Postgres does not know"
        assert sum(turn["broken"] for turn in turns) == 10, "what it takes for served"
        assert await discard(restored, vectors).run_once() == {"superseded": 1, "unused": 0}
        while await repairer(restored, vectors).run_once():
            pass
        await assert_converged(restored, vectors, made)
        assert "full" not in await rolling.run_once()
    finally:
        await restored.close()


async def test_another_server_or_timeline_holds_deletes_even_before_anybody_looked(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=2)
    await index_content(vectors, made)
    await watch_of(pipeline, vectors).look()
    await pipeline.rows("UPDATE objects SET state = 'superseded', superseded_at = now()")
    await pipeline.rows("UPDATE audit_watch SET database_identity = '1:00000001:1'")
    objects = PostgresObjectUpkeep(database=pipeline.database)
    assert await objects.discard_superseded(grace_seconds=0.0, at_most=10) == 0
    look = await watch_of(pipeline, vectors).look()
    assert look.is_full
    assert look.reason.startswith("another Postgres")
    await pipeline.rows("UPDATE audit_watch SET full_since = full_since - interval '1 hour'")
    figures = PostgresFigures(database=pipeline.database)
    assert (await figures.read()).full_audit_seconds == pytest.approx(3600.0, abs=60.0)
    assert await objects.discard_superseded(grace_seconds=0.0, at_most=10) == 0
    assert (await audit(pipeline, vectors).run_once())["full"] == 1
    assert await objects.discard_superseded(grace_seconds=0.0, at_most=10) == 2
    assert (await figures.read()).full_audit_seconds == 0.0


async def test_a_round_that_began_before_the_restore_does_not_end_the_full_audit(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=30)
    await index_content(vectors, made)
    rolling = audit(pipeline, vectors, at_once=10, objects_per_turn=10, full_objects_per_turn=10)
    await rolling.run_once()
    rows = watched(pipeline)
    place = (await rolling._rows.places(at_most=1))[0]
    mark = await vectors.read_mark()
    assert mark is not None
    await vectors.write_mark(Mark(history=mark.history, turn=mark.turn + 100))
    assert (await watch_of(pipeline, vectors).look()).is_full
    # A janitor that was in the middle of its round when the others found out.
    await rolling._rows.advance(place, after=None, missing=0, orphans=0)
    assert not await rows.end_full()
    turns = 0
    while "full" not in await rolling.run_once():
        turns += 1
    assert turns == 3


async def test_a_database_from_before_the_marks_is_taken_for_one_that_was_set_back(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    await watch_of(pipeline, vectors).look()
    await pipeline.rows("DELETE FROM audit_watch")
    assert (await watch_of(pipeline, vectors).look()).is_full


async def test_a_weaviate_that_lost_its_data_is_compared_as_a_whole(
    pipeline: Pipeline, vectors: WeaviateStore, weaviate: WeaviateServer
) -> None:
    for _ in range(2):
        await watch_of(pipeline, vectors).look()
    weaviate.wipe()
    look = await watch_of(pipeline, vectors).look()
    assert look.reason == "Weaviate has lost its data"
    assert not (await watch_of(pipeline, vectors).look()).reason
