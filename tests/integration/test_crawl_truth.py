"""What retries, redirects, canonical links, parts and timing must not do to what is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from shared.errors import ErrorCode
from support.pipeline import CALLER, Pipeline, link

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from shared.contracts.messages import ResultMessage
    from shared.postgres.claims import Claim

HOME = "https://site.test/"
A, B = "https://site.test/a", "https://site.test/b"
SITE: Mapping[str, tuple[str, Sequence[str]]] = {
    HOME: ("home", [A, B]),
    A: ("page a", [B]),
    B: ("page b", [HOME]),
}


async def served(pipeline: Pipeline) -> set[str]:
    rows = await pipeline.rows(
        "SELECT c.text FROM objects o JOIN chunks c ON c.id = o.chunk_id WHERE o.state = 'active'"
    )
    return {row["text"] for row in rows}


async def sync(pipeline: Pipeline, source_id: UUID) -> UUID:
    return await pipeline.intake.sync(caller=CALLER, source_id=source_id, host="https://site.test:443")


async def take(pipeline: Pipeline, *results: ResultMessage) -> None:
    await pipeline.index((await pipeline.store(*results)).indexing)


async def run_failing(pipeline: Pipeline, failing: Collection[str]) -> UUID:
    """Crawl with some pages answering 500; returns a failed job."""
    while claims := await pipeline.work():
        for claim in claims:
            url = claim.payload["url"]
            if url in failing:
                broken = pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=500)
                await take(pipeline, broken)
            else:
                await take(pipeline, pipeline.page(claim, *SITE[url]))
    failed: UUID = await pipeline.value("SELECT id FROM failed_jobs")
    return failed


def in_parts(result: ResultMessage, links: Sequence[str]) -> list[ResultMessage]:
    """A result of two chunks as two parts, each with one link."""
    content, page = result.content, result.page
    assert content is not None
    assert page is not None
    return [
        msgspec.structs.replace(
            result,
            part=number,
            parts=2,
            content=msgspec.structs.replace(content, chunks=[content.chunks[number]], first_ordinal=number),
            page=msgspec.structs.replace(page, links=[link(links[number])]),
        )
        for number in (0, 1)
    ]


async def test_a_retry_of_an_older_run_retires_nothing(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    failed = await run_failing(pipeline, {B})
    await sync(pipeline, accepted.source_id)
    await pipeline.run_all(SITE)
    await pipeline.intake.retry(caller=CALLER, job_id=failed)
    await pipeline.run_all(SITE)
    assert await served(pipeline) == {"home", "page a", "page b"}
    owners = await pipeline.value("SELECT count(DISTINCT run_id) FROM crawl_pages")
    assert owners == 1
    await pipeline.assert_balanced()


async def test_a_retry_of_an_older_run_leaves_the_newer_one_its_pages(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    failed = await run_failing(pipeline, {B})
    await sync(pipeline, accepted.source_id)
    (seed,) = await pipeline.work()
    await take(pipeline, pipeline.page(seed, *SITE[HOME]))
    claims: dict[str, Claim] = {claim.payload["url"]: claim for claim in await pipeline.work()}
    await take(pipeline, pipeline.page(claims[B], *SITE[B]))
    await pipeline.intake.retry(caller=CALLER, job_id=failed)
    for claim in await pipeline.work():
        await take(pipeline, pipeline.page(claim, *SITE[claim.payload["url"]]))
    await take(pipeline, pipeline.page(claims[A], *SITE[A]))
    assert await served(pipeline) == {"home", "page a", "page b"}


async def test_a_result_that_is_not_served_leaves_no_validators(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    failed = await run_failing(pipeline, {B})
    await sync(pipeline, accepted.source_id)
    await pipeline.run_all(SITE)
    await pipeline.intake.retry(caller=CALLER, job_id=failed)
    (claim,) = await pipeline.work()
    await take(pipeline, pipeline.page(claim, "page b, new words", etag='"new"'))
    assert await pipeline.value("SELECT etag FROM crawl_pages WHERE url_key = $1", B) is None


async def test_a_page_that_became_empty_is_asked_for_anew(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_depth=0)
    (claim,) = await pipeline.work()
    await take(pipeline, pipeline.page(claim, "first", etag='"1"'))
    await sync(pipeline, accepted.source_id)
    (claim,) = await pipeline.work()
    empty = pipeline.failure(claim, ErrorCode.EMPTY_CONTENT, retryable=False)
    page = pipeline.page(claim, "x", etag='"2"').page
    await take(pipeline, msgspec.structs.replace(empty, page=page))
    await sync(pipeline, accepted.source_id)
    (claim,) = await pipeline.work()
    assert claim.etag is None


async def test_a_canonical_page_stays_although_its_alias_does_not_change(pipeline: Pipeline) -> None:
    alias, canonical = "https://site.test/p?ref=1", "https://site.test/p"
    accepted = await pipeline.add_site()
    for _ in range(3):
        while claims := await pipeline.work():
            for claim in claims:
                if claim.etag:
                    unchanged = pipeline.page(claim, "", not_modified=True, http_status=304).page
                    await take(pipeline, pipeline.result(claim, page=unchanged))
                elif claim.payload["url"] == HOME:
                    await take(pipeline, pipeline.page(claim, "home", [alias], etag='"h"'))
                else:
                    found = {"canonical_key": canonical, "canonical_url": canonical}
                    await take(pipeline, pipeline.page(claim, "the page", etag='"e"', **found))
        assert await served(pipeline) == {"home", "the page"}
        await sync(pipeline, accepted.source_id)


async def test_pages_that_name_each_other_as_canonical_are_kept_once(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    other = {A: B, B: A}
    # Found the second time, too, nothing has changed, and neither page is taken for gone.
    for _ in range(2):
        (seed,) = await pipeline.work()
        await take(pipeline, pipeline.page(seed, "home", [A, B]))
        claims = sorted(await pipeline.work(), key=lambda claim: str(claim.payload["url"]))
        results = [
            pipeline.page(
                c, "text", canonical_key=other[c.payload["url"]], canonical_url=other[c.payload["url"]]
            )
            for c in claims
        ]
        await take(pipeline, *results)
        assert await served(pipeline) == {"home", "text"}
        documents = await pipeline.value("SELECT count(*) FROM documents WHERE status = 'active'")
        assert documents == 2
        await sync(pipeline, accepted.source_id)


@pytest.mark.parametrize("order", ["together", "apart", "last first"])
async def test_the_links_of_a_result_in_parts_are_all_kept(pipeline: Pipeline, order: str) -> None:
    accepted = await pipeline.add_site()
    (seed,) = await pipeline.work()
    parts = in_parts(pipeline.page(seed, "one\n\ntwo", etag='"h"'), [A, B])
    if order == "together":
        await take(pipeline, *parts)
    else:
        for part in parts if order == "apart" else reversed(parts):
            await take(pipeline, part)
    assert set(await pipeline.value("SELECT links FROM crawl_pages WHERE url_key = $1", HOME)) == {A, B}
    pages: dict[str, tuple[str, list[str]]] = {A: ("page a", []), B: ("page b", [])}
    await pipeline.run_all(pages)
    await sync(pipeline, accepted.source_id)
    (seed,) = await pipeline.work()
    assert seed.etag == '"h"'
    unchanged = pipeline.page(seed, "", not_modified=True, http_status=304).page
    await take(pipeline, pipeline.result(seed, page=unchanged))
    await pipeline.run_all(pages)
    assert await served(pipeline) == {"one", "two", "page a", "page b"}


async def test_what_a_run_reaches_does_not_depend_on_which_path_is_faster(pipeline: Pipeline) -> None:
    def at(name: str) -> str:
        return HOME + name

    site: dict[str, tuple[str, Sequence[str]]] = {
        HOME: ("home", [at("x"), at("y")]),
        at("x"): ("x", [at("w")]),
        at("y"): ("y", [at("z")]),
        at("z"): ("z", [at("w")]),
        at("w"): ("w", [at("v")]),
        at("v"): ("v", []),
    }
    await pipeline.add_site(max_depth=3)
    held: Claim | None = None
    while claims := await pipeline.work():
        for claim in claims:
            if claim.payload["url"] == at("x") and held is None:
                held = claim
            else:
                await take(pipeline, pipeline.page(claim, *site[claim.payload["url"]]))
    assert held is not None
    assert await pipeline.value("SELECT depth FROM jobs WHERE url_key = $1", at("w")) == 3
    assert "v" not in await served(pipeline)
    await take(pipeline, pipeline.page(held, *site[at("x")]))
    await pipeline.run_all(site)
    assert await served(pipeline) == {"home", "x", "y", "z", "w", "v"}
    assert await pipeline.value("SELECT depth FROM jobs WHERE url_key = $1", at("w")) == 2


async def test_bytes_that_are_about_to_be_replaced_are_no_duplicate(pipeline: Pipeline) -> None:
    await pipeline.upload("a.md", b"X")
    (first,) = await pipeline.work()
    await pipeline.upload("a.md", b"Y")
    await pipeline.upload("b.md", b"X")
    await take(pipeline, pipeline.file(first, "X text"))
    claims = {claim.payload["file_name"]: claim for claim in await pipeline.work()}
    await take(pipeline, pipeline.file(claims["a.md"], "Y text"), pipeline.file(claims["b.md"], "X text"))
    assert await served(pipeline) == {"X text", "Y text"}


async def test_a_source_with_a_dead_job_stays_although_its_new_bytes_were_a_duplicate(
    pipeline: Pipeline,
) -> None:
    await pipeline.upload("b.md", b"corrupt")
    (claim,) = await pipeline.work()
    await take(pipeline, pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    failed = await pipeline.value("SELECT id FROM failed_jobs")
    await pipeline.upload("a.md", b"X")
    (first,) = await pipeline.work()
    await pipeline.upload("b.md", b"X")
    await take(pipeline, pipeline.file(first, "X text"))
    (twin,) = await pipeline.work()
    await take(pipeline, pipeline.file(twin, "X text"))
    assert await pipeline.intake.retry(caller=CALLER, job_id=failed) == failed
