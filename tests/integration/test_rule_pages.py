"""Pages are retired by evidence: never because a run did not get to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from shared.errors import ErrorCode
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from uuid import UUID


HOME, A, B, C = (f"https://site.test/{path}" for path in ("", "a", "b", "c"))


async def crawled(pipeline: Pipeline) -> UUID:
    accepted = await pipeline.add_site()
    await pipeline.run_all({HOME: ("home", [A, B]), A: ("a", []), B: ("b", [])})
    return accepted.source_id


async def crawl_again(pipeline: Pipeline, source_id: UUID, **config: int) -> None:
    await pipeline.intake.sync(
        caller=CALLER,
        source_id=source_id,
        host="https://site.test:443",
        config={"max_depth": 2, "max_pages": 100} | config,
    )


async def served(pipeline: Pipeline) -> set[str]:
    rows = await pipeline.rows("SELECT source_uri FROM documents WHERE status = 'active'")
    return {row["source_uri"] for row in rows}


async def test_a_complete_run_retires_what_it_did_not_reach(pipeline: Pipeline) -> None:
    await crawl_again(pipeline, await crawled(pipeline))
    await pipeline.run_all({HOME: ("home", [A]), A: ("a", [])})
    assert await served(pipeline) == {HOME, A}


async def test_a_run_with_a_failed_page_retires_nothing(pipeline: Pipeline) -> None:
    await crawl_again(pipeline, await crawled(pipeline))
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", [A]))
    (page,) = await pipeline.work()
    await pipeline.store(pipeline.failure(page, ErrorCode.HTTP_ERROR, retryable=False, http_status=500))
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')") == 0
    assert await served(pipeline) == {HOME, A, B}


async def test_a_run_that_was_cancelled_in_part_retires_nothing(pipeline: Pipeline) -> None:
    await crawl_again(pipeline, await crawled(pipeline))
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", [A]))
    (page,) = await pipeline.work()
    await pipeline.intake.cancel(caller=CALLER, job_id=page.ticket.job_id)
    assert await served(pipeline) == {HOME, A, B}


async def test_a_run_that_did_not_follow_all_links_retires_nothing(pipeline: Pipeline) -> None:
    await crawl_again(pipeline, await crawled(pipeline), max_pages=2)
    await pipeline.run_all({HOME: ("home", [C, A, B]), C: ("c", [])})
    assert await served(pipeline) == {HOME, A, B, C}


@pytest.mark.parametrize("http_status", [404, 410])
async def test_a_page_that_is_gone_is_retired_by_its_answer_alone(
    pipeline: Pipeline, http_status: int
) -> None:
    await crawl_again(pipeline, await crawled(pipeline))
    (seed,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.page(seed, "home", [A, B]))).indexing)
    gone, other = sorted(await pipeline.work(), key=lambda claim: str(claim.payload["url"]))
    await pipeline.store(
        pipeline.failure(gone, ErrorCode.HTTP_ERROR, retryable=False, http_status=http_status),
        pipeline.failure(other, ErrorCode.HTTP_ERROR, retryable=False, http_status=500),
    )
    assert await served(pipeline) == {HOME, B}


async def test_an_unchanged_page_whose_result_comes_in_parts_ends_with_the_last_of_them(
    pipeline: Pipeline,
) -> None:
    await crawl_again(pipeline, await crawled(pipeline))
    (seed,) = await pipeline.work()
    first, last = (
        msgspec.structs.replace(pipeline.page(seed, "home", [url]), part=part, parts=2)
        for part, url in enumerate([A, B])
    )
    stored = await pipeline.store(last)
    assert (stored.endings, stored.late) == ([], [])
    stored = await pipeline.store(first)
    assert [status for _, _, status, _ in stored.endings] == ["skipped"]
    # What each of the parts leads to was taken before the page ended.
    assert {claim.payload["url"] for claim in await pipeline.work()} == {A, B}
