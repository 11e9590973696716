"""The comparison of Weaviate with Postgres, on real ones."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from janitor.tasks.provide_places import ProvidePlaces
from janitor.tasks.remove_strays import RemoveStrays
from native.postgres_programs import psql
from shared.clock import new_id
from shared.errors import DependencyError
from shared.lifecycle import wait_or_stop
from shared.postgres.repairs import PostgresRepairs
from shared.postgres.sql import queries
from shared.postgres.upkeep_audit import PostgresAudit
from shared.vectors import ALIAS, SearchMode, SearchQuery
from support.audits import (
    assert_converged,
    audit,
    changed,
    figures,
    repairer,
    verify_recent,
    watch_of,
    watched,
)
from support.pipeline import CALLER, COLLECTION, DEFAULT_TENANT, Pipeline
from support.rows import DIMENSIONS, TENANT, add_content, add_object, index_content, vector_object

if TYPE_CHECKING:
    from shared.vectors import WeaviateStore
    from support.databases import Database
    from support.servers import WeaviateServer


async def test_a_sound_index_is_walked_in_slices_and_left_alone(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=25, chunks_each=10)
    await index_content(vectors, made)
    task = audit(pipeline, vectors)
    assert [await task.run_once() for _ in range(3)] == [{"broken": 0, "orphans": 0}] * 3
    assert await pipeline.value("SELECT scan_after FROM audit_state") is None
    assert await figures(pipeline) == (0, 0, 0)
    await assert_converged(pipeline, vectors, made)


async def test_planted_copied_and_returned_objects_are_deleted_and_counted(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=2, chunks_each=3)
    await index_content(vectors, made)
    planted = [
        vector_object(made, 0, object_id=new_id()),  # a copy of one that is served
        vector_object(made, 1, object_id=new_id(), source_id=new_id(), batch_id=new_id()),
    ]
    async with pipeline.database.transaction() as connection:
        returned = await add_object(connection, made, state="deleting")
        await connection.execute("UPDATE objects SET deleted_at = now() WHERE object_id = $1", returned)
        wanted = await add_object(connection, made, state="staged")
    planted += [vector_object(made, 2, object_id=key) for key in (returned, wanted)]
    await vectors.insert(COLLECTION, TENANT, planted)
    task = audit(pipeline, vectors)
    assert await task.run_once() == {"broken": 0, "orphans": 3}
    assert await figures(pipeline) == (0, 3, 3)
    left = {entry.object_id for entry in await vectors.scan(COLLECTION, TENANT, after=None, limit=100)}
    assert left == {*made.object_ids, wanted}
    assert await task.run_once() == {"broken": 0, "orphans": 0}
    assert await figures(pipeline) == (0, 0, 3)


async def test_an_object_in_the_tenant_of_somebody_else_is_deleted_there_and_nowhere_else(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=2)
    await index_content(vectors, made)
    await pipeline.rows("INSERT INTO tenants (slug, name) VALUES ('other', 'Other')")
    await vectors.ensure_tenant(COLLECTION, "other")
    await vectors.insert(COLLECTION, "other", [vector_object(made, 0)])
    assert await audit(pipeline, vectors).run_once() == {"broken": 0, "orphans": 1}
    assert await vectors.count(COLLECTION, "other") == 0
    assert await vectors.count(COLLECTION, TENANT) == 2


async def test_a_tenant_that_cannot_be_repaired_keeps_no_other_from_being_compared(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=2)
    await index_content(vectors, made)
    await pipeline.rows("INSERT INTO tenants (slug, name) VALUES ('other', 'Other')")
    await vectors.ensure_tenant(COLLECTION, "other")
    await vectors.insert(COLLECTION, "other", [vector_object(made, 0)])
    shard = f"/v1/schema/{COLLECTION}/shards/other"
    await vectors._rest("PUT", shard, body={"status": "READONLY"})
    task = audit(pipeline, vectors)
    try:
        for _ in range(2):  # the other one, which was never compared, would come first for ever
            with pytest.raises(DependencyError):
                await task.run_once()
            await pipeline.rows("UPDATE audit_state SET visited_at = visited_at - interval '1 minute'")
        checked = await pipeline.value(
            "SELECT checked_at FROM audit_state WHERE tenant_id = $1", DEFAULT_TENANT
        )
        with pytest.raises(DependencyError):
            await task.run_once()
    finally:
        await vectors._rest("PUT", shard, body={"status": "READY"})
    later = await pipeline.value("SELECT checked_at FROM audit_state WHERE tenant_id = $1", DEFAULT_TENANT)
    assert later > checked
    assert (await task.run_once())["orphans"] == 1


async def test_objects_that_were_removed_by_hand_are_replaced_without_a_job(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=4, chunks_each=20)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids[10:13])
    task, repair = audit(pipeline, vectors), repairer(pipeline, vectors)
    assert await task.run_once() == {"broken": 3, "orphans": 0}
    assert await figures(pipeline) == (3, 0, 0)
    # Known, and not yet replaced: shown, but noted once.
    assert await task.run_once() == {"broken": 0, "orphans": 0}
    assert await figures(pipeline) == (3, 0, 0)

    jobs = await pipeline.value("SELECT count(*) FROM jobs")
    assert await repair.run_once() == 3
    assert await repair.run_once() == 0
    assert await pipeline.value("SELECT count(*) FROM repairs") == 0
    assert await pipeline.value("SELECT count(*) FROM jobs") == jobs
    activated = await pipeline.rows("SELECT DISTINCT activated_at FROM objects WHERE state = 'active'")
    assert len(activated) == 1, "a search that began before the repair would miss what was replaced"
    await task.run_once()
    assert await figures(pipeline) == (0, 0, 3)
    await assert_converged(pipeline, vectors, made)
    await pipeline.assert_balanced()


async def test_a_weaviate_that_lost_everything_is_noticed_in_one_turn_and_rebuilt(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=30, chunks_each=25)
    await index_content(vectors, made)
    await vectors.drop_collection(COLLECTION)
    task = audit(pipeline, vectors)
    assert await task.run_once() == {"broken": 750, "orphans": 0}
    stop = asyncio.Event()
    repairing = asyncio.create_task(repairer(pipeline, vectors).run(stop))
    async with asyncio.timeout(30):
        while await pipeline.value("SELECT count(*) FROM repairs"):
            await wait_or_stop(stop, 0.05)
    stop.set()
    await repairing
    for _ in range(10):
        assert await task.run_once() == {"broken": 0, "orphans": 0}
    assert await figures(pipeline) == (0, 0, 750)
    await assert_converged(pipeline, vectors, made)


async def test_what_is_no_longer_served_when_it_is_repaired_stays_as_it_is(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=2, chunks_each=2)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids)
    assert (await audit(pipeline, vectors).run_once())["broken"] == 4
    repairs = PostgresRepairs(
        database=pipeline.database, consumer_id=pipeline.consumer_id, collection=COLLECTION
    )
    chunks = await repairs.take(at_most=10)
    batch = await pipeline.indexing.open_batch(chunks)
    assert await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    superseded = made.object_ids[0]
    await pipeline.rows(
        "UPDATE objects SET state = 'superseded', superseded_at = now() WHERE object_id = $1", superseded
    )
    assert (await repairs.swap(batch)).total() == 3
    assert await pipeline.value("SELECT state FROM objects WHERE object_id = $1", superseded) == "superseded"
    assert await pipeline.value("SELECT count(*) FROM objects WHERE state = 'staged'") == 1
    assert await repairs.take(at_most=10) == []
    assert await pipeline.value("SELECT count(*) FROM repairs") == 0


async def test_the_repairs_of_a_source_that_is_deleted_are_dropped(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=2)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids)
    task = audit(pipeline, vectors)
    assert (await task.run_once())["broken"] == 2
    await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=True)
    assert await repairer(pipeline, vectors).run_once() == 0
    assert await pipeline.value("SELECT count(*) FROM repairs") == 0
    # And objects of a source that goes are not missed.
    assert await task.run_once() == {"broken": 0, "orphans": 0}


async def test_a_repair_whose_consumer_died_is_taken_by_another(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids)
    await audit(pipeline, vectors).run_once()
    first, second = (
        PostgresRepairs(database=pipeline.database, consumer_id=key, collection=COLLECTION)
        for key in (pipeline.consumer_id, new_id())
    )
    assert len(await first.take(at_most=10)) == 1
    assert await second.take(at_most=10) == []
    assert len(await first.take(at_most=10)) == 1, "its own are taken again after a failure"
    await pipeline.rows("UPDATE workers SET lease_until = now()")
    assert len(await second.take(at_most=10)) == 1


async def test_recent_batches_are_verified_again_after_each_start_of_weaviate(
    pipeline: Pipeline, vectors: WeaviateStore, weaviate: WeaviateServer
) -> None:
    made = await add_content(pipeline.database, documents=3, chunks_each=10)
    await index_content(vectors, made)
    assert await verify_recent(pipeline, vectors).run_once() == {}
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids[:5])
    assert await verify_recent(pipeline, vectors).run_once() == {}, "nothing was started again"
    # Nobody looks while it is away: another janitor finds out from the rows and from Weaviate alone.
    await asyncio.to_thread(weaviate.kill9)
    await asyncio.to_thread(weaviate.start)
    assert await verify_recent(pipeline, vectors).run_once() == {"batches": 1, "broken": 5}
    kinds = await pipeline.rows("SELECT DISTINCT kind, tenant_id FROM repairs")
    assert [tuple(row) for row in kinds] == [("missing", DEFAULT_TENANT)]
    assert await verify_recent(pipeline, vectors).run_once() == {}
    await asyncio.to_thread(weaviate.restart)
    assert await verify_recent(pipeline, vectors).run_once() == {"batches": 1, "broken": 0}


async def test_a_restart_that_comes_while_batches_are_verified_has_them_verified_again(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    await add_content(pipeline.database, documents=1)
    rows = watched(pipeline)
    await rows.look(remembered=None, starts="w:1")
    seen = await rows.look(remembered=None, starts="w:2")
    assert seen.recheck_from is not None
    again = await rows.look(remembered=None, starts="w:3")
    await rows.rechecked(starts="w:2", down_to=None)
    left = await rows.look(remembered=None, starts="w:3")
    assert (left.recheck_from, left.recheck_to) == (again.recheck_from, again.recheck_to)
    await rows.rechecked(starts="w:3", down_to=None)
    assert (await rows.look(remembered=None, starts="w:3")).recheck_from is None


async def test_objects_whose_properties_were_changed_are_replaced(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=6)
    await index_content(vectors, made)
    lies: list[dict[str, Any]] = [
        {name: new_id()} for name in ("chunk_id", "source_id", "document_id", "batch_id")
    ]
    for place, lie in enumerate([*lies, {"type": "upload"}]):
        await vectors.insert(COLLECTION, TENANT, [vector_object(made, place, **lie)])
    task = audit(pipeline, vectors)
    assert await task.run_once() == {"broken": 5, "orphans": 0}
    kinds = await pipeline.rows("SELECT kind, count(*) FROM repairs GROUP BY kind")
    assert [tuple(row) for row in kinds] == [("altered", 5)]
    assert await repairer(pipeline, vectors).run_once() == 5
    await task.run_once()
    assert await figures(pipeline) == (0, 0, 5)
    await assert_converged(pipeline, vectors, made)


async def test_a_tenant_that_postgres_does_not_have_is_removed_with_its_objects(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=1, chunks_each=3)
    await index_content(vectors, made)
    for slug in ("stray", "gone"):
        await vectors.ensure_tenant(COLLECTION, slug)
        await vectors.insert(COLLECTION, slug, [vector_object(made, 0)])
    await pipeline.rows("INSERT INTO tenants (slug, name, deleted_at) VALUES ('gone', 'Gone', now())")
    task = RemoveStrays(rows=PostgresAudit(database=pipeline.database), vectors=vectors, prefix="Chunks")
    assert await task.run_once() == {"tenants": 2, "objects": 2}
    assert await vectors.tenants(COLLECTION) == [TENANT]
    assert await task.run_once() == {"tenants": 0, "objects": 0}
    assert await vectors.count(COLLECTION, TENANT) == 3


async def test_versions_are_looked_at_once_after_they_came_to_be_served(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=3, chunks_each=2)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids)
    await watch_of(pipeline, vectors).look()
    task = changed(pipeline, vectors)
    assert await task.run_once() == {}, "all of it was served before anybody watched"
    await pipeline.rows("UPDATE audit_watch SET changed_at = now() - interval '10 minutes'")
    activate = "UPDATE document_versions SET activated_at = now() - make_interval(secs => $2) WHERE id = $1"
    for version_id, seconds in zip(made.version_ids, (40, 35, 10), strict=True):
        await pipeline.rows(activate, version_id, float(seconds))
    assert await task.run_once() == {"broken": 4}, "the youngest is not old enough"
    assert await task.run_once() == {}
    await pipeline.rows(activate, made.version_ids[2], 31.0)
    assert await task.run_once() == {"broken": 2}


async def test_a_version_is_not_skipped_because_its_transaction_took_long(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    made = await add_content(pipeline.database, documents=2, chunks_each=2)
    await index_content(vectors, made)
    await vectors.delete_by_ids(COLLECTION, TENANT, made.object_ids)
    await watch_of(pipeline, vectors).look()
    await pipeline.rows("UPDATE audit_watch SET changed_at = now() - interval '10 minutes'")
    activate = "UPDATE document_versions SET activated_at = clock_timestamp() WHERE id = $1"
    rows = watched(pipeline)
    async with pipeline.database.transaction() as slow:
        await slow.execute(
            "UPDATE document_versions SET activated_at = now() WHERE id = $1", made.version_ids[0]
        )
        await pipeline.rows(activate, made.version_ids[1])
        assert await rows.changed(settled_seconds=0.0, at_most=10) == [], (
            "an earlier one may still be committed"
        )
    found = await rows.changed(settled_seconds=0.0, at_most=10)
    assert [one.version_id for one in found] == made.version_ids


async def test_what_weaviate_lost_of_its_places_is_made_again(
    pipeline: Pipeline, vectors: WeaviateStore
) -> None:
    await pipeline.rows("UPDATE collections SET dimensions = $1", DIMENSIONS)
    await pipeline.rows("INSERT INTO tenants (slug, name) VALUES ('other', 'Other')")
    task = ProvidePlaces(rows=PostgresAudit(database=pipeline.database), vectors=vectors)
    assert await task.run_once() == {"made": 3}
    assert await vectors.tenants(COLLECTION) == [TENANT, "other"]
    await vectors._rest("DELETE", f"/v1/aliases/{ALIAS}")
    await vectors.delete_tenant(COLLECTION, "other")
    assert await task.run_once() == {"made": 1}
    assert await task.run_once() == {"made": 0}
    assert await vectors.search(TENANT, SearchQuery(mode=SearchMode.KEYWORD, text="any")) == []


@pytest.mark.parametrize(
    ("table", "name", "arguments", "index"),
    [
        ("audit_watch", "changed_versions", ("later", "id", "now", 500), "document_versions_activated"),
        ("objects", "active_after", ("tenant", "collection", "id", 100), "objects_audited|objects_pkey"),
        (
            "repairs",
            "next_of_tenant",
            ("tenant", "collection", "id", "now", 100),
            "objects_audited|objects_pkey",
        ),
        (
            "repairs",
            "next_of_source",
            ("source", "collection", "id", "now", 100, "document"),
            "objects_of_source",
        ),
    ],
)
async def test_what_is_asked_each_turn_is_served_by_an_index_in_its_order(
    pipeline: Pipeline, database: Database, table: str, name: str, arguments: tuple[object, ...], index: str
) -> None:
    made = await add_content(pipeline.database, documents=2000, chunks_each=5)
    for analyzed in ("objects", "document_versions", "sources"):
        psql(database.owner_url, f"ANALYZE {analyzed};")
    now = await pipeline.value("SELECT now()")
    values = {
        "tenant": DEFAULT_TENANT,
        "collection": COLLECTION,
        "id": made.object_ids[0],
        "source": made.source_id,
        "document": made.document_ids[0],
        "now": now,
        "later": now - timedelta(minutes=1),
    }
    given = [values.get(value, value) if isinstance(value, str) else value for value in arguments]
    async with pipeline.database.transaction() as connection:
        if table != "audit_watch":
            await connection.execute(queries("objects")["walk_in_order"])
        rows = await connection.fetch(f"EXPLAIN (COSTS OFF) {queries(table)[name]}", *given)
    plan = "\n".join(row[0] for row in rows)
    assert re.search(f"Index Scan using ({index})", plan), plan
    assert "Seq Scan on objects" not in plan
    if name == "next_of_source":
        assert re.search(r"Index Cond: .*source_id = .*document_id >= ", plan), plan
        assert re.search(r"Incremental Sort\n.*\n *Presorted Key: document_id", plan), plan
    else:
        assert "objects_of_source" not in plan
