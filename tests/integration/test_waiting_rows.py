"""What consumers say that they miss, as the gateway reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.clock import new_id
from shared.postgres.presence import PostgresPresence
from shared.postgres.reads.jobs import JobReads
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.reads.records import JobRow


async def say(
    pipeline: Pipeline, consumer_id: UUID, misses: Sequence[str], *, lease_seconds: float = 60
) -> None:
    presence = PostgresPresence(
        database=pipeline.database,
        process_id=consumer_id,
        kind="result-consumer",
        instance=str(consumer_id),
        lease_seconds=lease_seconds,
    )
    await presence.beat(waits_for=misses)


async def seen(pipeline: Pipeline) -> JobRow:
    run = await pipeline.add_site(f"https://{new_id()}.test/")
    row = await JobReads(database=pipeline.gateway).get(CALLER.tenant_id, run.run_id)
    assert row is not None
    return row


async def test_only_what_every_living_consumer_misses_is_waited_for(pipeline: Pipeline) -> None:
    first, second, third = pipeline.consumer_id, new_id(), new_id()
    assert list((await seen(pipeline)).consumers_wait_for) == []
    await say(pipeline, first, ["weaviate", "embedder"])
    assert sorted((await seen(pipeline)).consumers_wait_for) == ["embedder", "weaviate"]
    await say(pipeline, second, ["weaviate"])
    assert list((await seen(pipeline)).consumers_wait_for) == ["weaviate"]
    await say(pipeline, third, [])
    assert list((await seen(pipeline)).consumers_wait_for) == []
    await say(pipeline, third, [], lease_seconds=-1)
    assert list((await seen(pipeline)).consumers_wait_for) == ["weaviate"]


async def test_without_a_living_consumer_there_is_none(pipeline: Pipeline) -> None:
    assert (await seen(pipeline)).has_consumers
    await say(pipeline, pipeline.consumer_id, ["weaviate"], lease_seconds=-1)
    row = await seen(pipeline)
    assert (row.has_consumers, list(row.consumers_wait_for)) == (False, [])
