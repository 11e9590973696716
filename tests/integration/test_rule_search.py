"""What a search may show is decided by one statement over rows, as of its beginning T0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.clock import new_id
from shared.postgres.reads.search import SearchReads
from shared.postgres.sql import queries
from support.pipeline import CALLER, DEFAULT_TENANT, Pipeline

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


async def moment(pipeline: Pipeline) -> datetime:
    """T0 of a search that begins now."""
    return (await SearchReads(database=pipeline.gateway).scope(DEFAULT_TENANT, None)).moment


async def shown(pipeline: Pipeline, at: datetime, *, tenant: UUID = DEFAULT_TENANT) -> list[str]:
    """What a search that began then shows now, if Weaviate proposes all that it was ever given."""
    ids = [row["object_id"] for row in await pipeline.rows("SELECT object_id FROM objects")]
    rows = await SearchReads(database=pipeline.gateway).visible(tenant, ids, at)
    return sorted(row.text for row in rows)


async def publish(pipeline: Pipeline, text: str) -> UUID:
    accepted = await pipeline.upload("a.md", text.encode())
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.file(claim, text))).indexing)
    return accepted.source_id


async def test_a_search_sees_the_version_that_was_served_when_it_began(pipeline: Pipeline) -> None:
    nothing = await moment(pipeline)
    await publish(pipeline, "same\n\nold")
    old = await moment(pipeline)
    await publish(pipeline, "same\n\nnew")
    new = await moment(pipeline)
    assert [await shown(pipeline, at) for at in (nothing, old, new)] == [[], ["old", "same"], ["new", "same"]]


async def test_what_comes_back_after_a_search_began_is_not_shown_to_it(pipeline: Pipeline) -> None:
    await publish(pipeline, "same\n\ncomes and goes")
    await publish(pipeline, "same")
    without = await moment(pipeline)
    await publish(pipeline, "same\n\ncomes and goes")
    assert await shown(pipeline, without) == ["same"]
    assert await shown(pipeline, await moment(pipeline)) == ["comes and goes", "same"]


async def test_staged_content_is_shown_to_nobody(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"a")
    (claim,) = await pipeline.work()
    (job_id,) = (await pipeline.store(pipeline.file(claim, "words"))).indexing
    batch = await pipeline.indexing.open_batch(await pipeline.indexing.to_index([job_id], at_most=10))
    await pipeline.indexing.close_batch(batch.batch_id, verified=True)
    assert await shown(pipeline, await moment(pipeline)) == []


async def test_a_source_that_goes_is_shown_no_more_not_even_to_searches_that_have_begun(
    pipeline: Pipeline,
) -> None:
    source_id = await publish(pipeline, "words")
    begun = await moment(pipeline)
    assert await shown(pipeline, begun) == ["words"]
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=False)
    assert await shown(pipeline, begun) == []
    scope = await SearchReads(database=pipeline.gateway).scope(DEFAULT_TENANT, None)
    assert scope.deleting == [source_id]


async def test_nothing_of_a_tenant_is_shown_to_another(pipeline: Pipeline) -> None:
    await publish(pipeline, "words")
    other = await pipeline.value("INSERT INTO tenants (slug, name) VALUES ('other', 'Other') RETURNING id")
    at = await moment(pipeline)
    assert await shown(pipeline, at) == ["words"]
    assert await shown(pipeline, at, tenant=other) == []
    # Not even to a principal that may see all tenants: the statement itself asks whose it is.
    ids = [row["object_id"] for row in await pipeline.rows("SELECT object_id FROM objects")]

    assert await pipeline.rows(queries("search_read")["visible"], new_id(), ids, at, None, None, None) == []
