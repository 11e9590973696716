"""What a tenant may have only so much of is counted in rows, under a lock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from janitor.tasks.sweep_blobs import SweepBlobs
from shared.blobs import FilesystemBlobStore
from shared.clock import new_id, now
from shared.limits import UNLIMITED
from shared.postgres.intake import PostgresIntake
from shared.postgres.limits import PostgresLimits, QuotaExceededError, TenantUsage
from shared.postgres.tenants import PostgresTenants
from shared.postgres.upkeep_content import PostgresContentUpkeep
from shared.postgres.upkeep_removal import DeletingSource, PostgresRemoval
from shared.verdicts import USUAL_PRUNE_LIMITS
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, DEFAULT_TENANT, Pipeline
from support.tenants import add_tenant

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID


def limit(pipeline: Pipeline, **limits: int) -> PostgresLimits:
    """Accept under these limits from now on."""
    defaults = UNLIMITED.overridden(limits)
    pipeline.intake = PostgresIntake(
        database=pipeline.gateway,
        max_attempts=3,
        prune_limits=USUAL_PRUNE_LIMITS,
        tenant_limits=defaults,
    )
    return PostgresLimits(database=pipeline.gateway, defaults=defaults)


async def remove(pipeline: Pipeline, source_id: UUID) -> None:
    """Delete a source, as the janitor does it after Weaviate and the originals."""
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=True)
    removal = PostgresRemoval(database=pipeline.database)
    going = DeletingSource(source_id, DEFAULT_TENANT, "default")
    while await removal.remove_content(going, at_most=1):
        pass
    assert await removal.finish(going)


async def recounted(pipeline: Pipeline) -> int:
    """The counter, which must be the sum of the rows."""
    stored = await pipeline.value("SELECT coalesce(sum(stored_bytes), 0)::bigint FROM tenant_usage")
    assert stored == await pipeline.value("SELECT coalesce(sum(bytes), 0)::bigint FROM stored_uploads")
    return int(stored)


async def test_no_more_sources_than_are_allowed(pipeline: Pipeline) -> None:
    limits = limit(pipeline, sources=2)
    first = await pipeline.add_site("https://a.test/")
    await pipeline.upload("a.md", b"a")
    for further in (pipeline.add_site("https://b.test/"), pipeline.upload("b.md", b"b")):
        with pytest.raises(QuotaExceededError) as refused:
            await further
        assert (refused.value.limit, refused.value.allowed) == ("sources", 2)
    await pipeline.upload("a.md", b"another version")
    assert await limits.used(DEFAULT_TENANT) == TenantUsage(sources=2, stored_bytes=16, jobs_in_flight=0)
    await pipeline.assert_balanced()
    await pipeline.intake.delete_source(caller=CALLER, source_id=first.source_id, force=True)
    await pipeline.add_site("https://b.test/")


async def test_of_many_sources_at_once_as_many_are_added_as_are_allowed(pipeline: Pipeline) -> None:
    limit(pipeline, sources=3)
    adding = [pipeline.add_site(f"https://site{n}.test/") for n in range(8)]
    answers = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(answer, QuotaExceededError) for answer in answers) == 5
    assert await pipeline.value("SELECT count(*) FROM sources") == 3


async def test_uploads_at_once_never_store_more_than_is_allowed(pipeline: Pipeline) -> None:
    limit(pipeline, stored_bytes=50)
    adding = [pipeline.upload(f"{n}.md", bytes([n]) * 10) for n in range(9)]
    answers = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(answer, QuotaExceededError) for answer in answers) == 4
    assert await recounted(pipeline) == 50
    await pipeline.assert_balanced()


async def test_what_a_source_took_is_given_back_when_it_is_deleted(pipeline: Pipeline) -> None:
    limit(pipeline, stored_bytes=20)
    accepted = await pipeline.upload("a.md", b"0123456789")
    await pipeline.upload("a.md", b"9876543210")
    with pytest.raises(QuotaExceededError):
        await pipeline.upload("b.md", b"x")
    await remove(pipeline, accepted.source_id)
    assert await recounted(pipeline) == 0
    await pipeline.upload("b.md", b"x")


async def test_an_upload_whose_answer_was_lost_is_counted_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(pipeline, stored_bytes=10)
    lose_first_answer(pipeline.gateway, monkeypatch)
    await pipeline.upload("a.md", b"0123456789")
    assert await recounted(pipeline) == 10


async def test_an_original_that_is_swept_is_given_back(pipeline: Pipeline, tmp_path: Path) -> None:
    blobs = FilesystemBlobStore(root=tmp_path)
    run_id = new_id()
    writer = await blobs.open_writer(
        tenant_id=DEFAULT_TENANT, run_id=run_id, file_name="a.md", limit_bytes=100
    )
    await writer.write(b"0123456789")
    blob = await writer.commit()
    await pipeline.upload("a.md", b"0123456789", run_id=run_id, upload_uri=blob.uri)
    sweep = SweepBlobs(
        content=PostgresContentUpkeep(database=pipeline.database), blobs=blobs, age_seconds=-60.0, clock=now
    )
    assert await sweep.run_once() == {"deleted": 0}
    assert await recounted(pipeline) == 10
    await pipeline.intake.cancel(caller=CALLER, job_id=run_id)
    await pipeline.intake.delete_job(caller=CALLER, job_id=run_id)
    assert await sweep.run_once() == {"deleted": 1}
    assert await recounted(pipeline) == 0
    await blobs.close()


async def test_an_operator_allows_a_tenant_more_and_less(pipeline: Pipeline) -> None:
    limits = limit(pipeline, sources=1, pages_per_crawl=500)
    tenants = PostgresTenants(database=pipeline.gateway)
    await tenants.override(
        caller=CALLER, tenant_id=DEFAULT_TENANT, limits={"sources": 2, "pages_per_crawl": 10}
    )
    assert (await limits.allowed(DEFAULT_TENANT)).sources == 2
    other = await add_tenant(pipeline, "other")
    assert (await limits.allowed(other.tenant_id)).sources == 1
    await pipeline.add_site("https://a.test/", max_pages=100)
    await pipeline.add_site("https://b.test/", max_pages=5)
    with pytest.raises(QuotaExceededError):
        await pipeline.add_site("https://c.test/")
    runs = await pipeline.rows("SELECT config FROM jobs WHERE parent_id IS NULL ORDER BY seq")
    assert [row["config"]["max_pages"] for row in runs] == [10, 5], "no crawl has more than it may now"


async def test_what_is_in_flight_is_counted(pipeline: Pipeline) -> None:
    limits = limit(pipeline)
    await pipeline.upload("a.md", b"a")
    await pipeline.upload("b.md", b"b")
    await pipeline.work()
    await pipeline.upload("c.md", b"c")
    await pipeline.windows.announce_waiting()
    used = await limits.used(DEFAULT_TENANT)
    assert used.jobs_in_flight == 3
