"""The mass-delete breaker: what a crawl finds gone, and what a person says about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.errors import ErrorCode
from shared.postgres import pruning
from shared.postgres.intake_errors import AlreadyDecidedError, NotFoundError, NothingHeldError
from shared.postgres.prune_decisions import PostgresPruneUpkeep, Pruned
from shared.postgres.upkeep_removal import PostgresRemoval
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from shared.contracts.messages import ResultMessage
    from shared.postgres.claims import Claim

HOME = "https://site.test/"
PAGES = [f"{HOME}{number}" for number in range(30)]
FULL: Mapping[str, tuple[str, Sequence[str]]] = {
    HOME: ("home", PAGES),
    **{url: (f"text of {url}", []) for url in PAGES},
}
EMPTY: Mapping[str, tuple[str, Sequence[str]]] = {HOME: ("home", [])}


async def sync(pipeline: Pipeline, source_id: UUID) -> UUID:
    return await pipeline.intake.sync(caller=CALLER, source_id=source_id, host="https://site.test:443")


def answer(
    pipeline: Pipeline, claim: Claim, gone: Collection[str], failing: Collection[str] = ()
) -> ResultMessage:
    url = claim.payload["url"]
    if url in gone:
        return pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=404)
    if url in failing:
        return pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=500)
    return pipeline.page(claim, *FULL[url])


async def crawl(
    pipeline: Pipeline, source_id: UUID, *, gone: Collection[str] = (), failing: Collection[str] = ()
) -> UUID:
    """Crawl again, some pages answering 404 or 500."""
    run_id = await sync(pipeline, source_id)
    await go_on(pipeline, gone=gone, failing=failing)
    return run_id


async def go_on(pipeline: Pipeline, *, gone: Collection[str] = (), failing: Collection[str] = ()) -> None:
    while claims := await pipeline.work():
        for claim in claims:
            stored = await pipeline.store(answer(pipeline, claim, gone, failing))
            await pipeline.index(stored.indexing)


async def crawled(pipeline: Pipeline) -> UUID:
    accepted = await pipeline.add_site()
    await pipeline.run_all(FULL)
    return accepted.source_id


async def held(pipeline: Pipeline) -> tuple[UUID, UUID]:
    """A source, and its run that found all pages but the first gone."""
    source_id = await crawled(pipeline)
    run_id = await crawl(pipeline, source_id, gone=PAGES)
    assert await state(pipeline, run_id) == "held"
    return source_id, run_id


async def served(pipeline: Pipeline) -> int:
    found: int = await pipeline.value("SELECT count(*) FROM objects WHERE state = 'active'")
    assert found == await pipeline.value("SELECT count(*) FROM documents WHERE status = 'active'")
    assert found == await pipeline.value("SELECT count(*) FROM document_versions WHERE is_active")
    return found


async def state(pipeline: Pipeline, run_id: UUID) -> str | None:
    found: str | None = await pipeline.value("SELECT state FROM prunes WHERE run_id = $1", run_id)
    return found


async def decide(pipeline: Pipeline, run_id: UUID, *, approve: bool) -> int:
    return (await pipeline.intake.decide_prune(caller=CALLER, run_id=run_id, approve=approve)).retired


async def stats(pipeline: Pipeline, run_id: UUID) -> dict[str, object]:
    found: dict[str, object] = await pipeline.value("SELECT stats FROM jobs WHERE id = $1", run_id)
    return found


# What is held


@pytest.mark.parametrize(("batch", "look"), [(1, 20_000), (100, 7)])
async def test_a_site_of_which_most_pages_answer_404_is_kept(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, batch: int, look: int
) -> None:
    monkeypatch.setattr(pruning, "LOOK", look)
    source_id = await crawled(pipeline)
    run_id = await sync(pipeline, source_id)
    while claims := await pipeline.work():
        for start in range(0, len(claims), batch):
            results = [answer(pipeline, claim, PAGES) for claim in claims[start : start + batch]]
            await pipeline.index((await pipeline.store(*results)).indexing)
            assert await served(pipeline) == 31
    noted = await stats(pipeline, run_id)
    assert (noted["warning"], noted["prune_held"]) == ("prune_held", 30)
    assert await state(pipeline, run_id) == "held"
    assert await pipeline.value("SELECT count(*) FROM held_pages WHERE run_id = $1", run_id) == 30
    assert await pipeline.value("SELECT count(*) FROM audit_log WHERE action = 'prune.hold'") == 1
    await pipeline.assert_balanced()


async def test_single_pages_that_answer_404_are_retired_when_their_run_ends(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    run_id = await crawl(pipeline, source_id, gone=PAGES[:15])
    assert await served(pipeline) == 16
    assert (await stats(pipeline, run_id))["retired"] == 15
    assert await state(pipeline, run_id) is None


async def test_gone_pages_are_retired_although_another_page_of_the_run_failed(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    await crawl(pipeline, source_id, gone=PAGES[:3], failing=PAGES[3:4])
    assert await served(pipeline) == 28


async def test_gone_and_unreached_pages_count_together(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    run_id = await sync(pipeline, source_id)
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", PAGES[:20]))
    await go_on(pipeline, gone=PAGES[:12])
    assert await served(pipeline) == 31
    assert (await stats(pipeline, run_id))["prune_held"] == 22


async def test_a_cancelled_run_retires_nothing(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    run_id = await sync(pipeline, source_id)
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, *FULL[HOME]))
    await pipeline.store(*(answer(pipeline, claim, PAGES) for claim in (await pipeline.work())[:3]))
    await pipeline.intake.cancel(caller=CALLER, job_id=run_id)
    assert await served(pipeline) == 31


async def test_a_page_that_leads_to_another_one_now_is_not_served_beside_it(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    await sync(pipeline, source_id)
    while claims := await pipeline.work():
        for claim in claims:
            found = {}
            if claim.payload["url"] == PAGES[0]:
                found = {"final_url": f"{HOME}moved", "final_key": f"{HOME}moved"}
            text, links = FULL[claim.payload["url"]]
            stored = await pipeline.store(pipeline.page(claim, text, links, **found))
            await pipeline.index(stored.indexing)
    assert await served(pipeline) == 31
    documents = await pipeline.rows("SELECT source_uri FROM documents WHERE status = 'active'")
    uris = {row["source_uri"] for row in documents}
    assert f"{HOME}moved" in uris
    assert PAGES[0] not in uris


@pytest.mark.parametrize(("limit", "value"), [("AT_ONCE", 9), ("SLICE_CHUNKS", 9)])
async def test_many_that_need_no_decision_are_retired_by_the_janitor(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(pruning, limit, value)
    monkeypatch.setattr(pruning, "SLICE", 4)
    source_id = await crawled(pipeline)
    run_id = await crawl(pipeline, source_id, gone=PAGES[:10])
    assert await served(pipeline) == 31
    assert "warning" not in await stats(pipeline, run_id)
    janitors = [PostgresPruneUpkeep(database=pipeline.database) for _ in range(2)]
    assert await janitors[0].unfinished(at_most=10) == [run_id]
    done = [await asyncio.gather(*(janitor.retire_next(run_id) for janitor in janitors)) for _ in range(3)]
    assert sum(turn.retired for turns in done for turn in turns) == 10
    assert sum(turn.finished for turns in done for turn in turns) == 1
    assert await served(pipeline) == 21
    assert await janitors[0].unfinished(at_most=10) == []
    assert (await stats(pipeline, run_id))["retired"] == 10
    assert await janitors[0].retire_next(run_id) == Pruned()


# What is decided


async def test_an_approval_retires_exactly_what_was_held(pipeline: Pipeline) -> None:
    _, run_id = await held(pipeline)
    assert await decide(pipeline, run_id, approve=True) == 30
    assert await served(pipeline) == 1
    assert await state(pipeline, run_id) == "approved"
    assert (await stats(pipeline, run_id))["retired"] == 30
    assert await pipeline.value("SELECT count(*) FROM held_pages") == 0
    (row,) = await pipeline.rows("SELECT actor, target, detail FROM audit_log WHERE action = 'prune.approve'")
    assert (row["actor"], row["target"], row["detail"]) == (CALLER.actor, str(run_id), {"pages": 30})
    with pytest.raises(AlreadyDecidedError):
        await decide(pipeline, run_id, approve=True)


async def test_a_rejection_keeps_them_and_the_next_run_asks_anew(pipeline: Pipeline) -> None:
    source_id, run_id = await held(pipeline)
    assert await decide(pipeline, run_id, approve=False) == 0
    assert await served(pipeline) == 31
    with pytest.raises(AlreadyDecidedError):
        await decide(pipeline, run_id, approve=True)
    later = await crawl(pipeline, source_id, gone=PAGES)
    assert await served(pipeline) == 31
    assert await state(pipeline, later) == "held"
    assert await state(pipeline, run_id) == "rejected"


async def test_two_people_at_once_decide_once(pipeline: Pipeline) -> None:
    _, run_id = await held(pipeline)
    answers = await asyncio.gather(
        *(decide(pipeline, run_id, approve=n % 2 == 0) for n in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, AlreadyDecidedError)]
    assert len(refused) == 5
    assert await served(pipeline) == (1 if await state(pipeline, run_id) == "approved" else 31)
    assert await pipeline.value("SELECT count(*) FROM audit_log WHERE action LIKE 'prune.%'") == 2


@pytest.mark.parametrize("approve", [True, False])
async def test_a_decision_that_was_committed_unheard_is_made_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, *, approve: bool
) -> None:
    _, run_id = await held(pipeline)
    lose_first_answer(pipeline.gateway, monkeypatch)
    assert await decide(pipeline, run_id, approve=approve) == (30 if approve else 0)
    assert await pipeline.value("SELECT count(*) FROM audit_log WHERE action LIKE 'prune.%'") == 2


async def test_what_a_later_run_has_taken_is_left_to_it(pipeline: Pipeline) -> None:
    source_id, run_id = await held(pipeline)
    await sync(pipeline, source_id)
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", PAGES[:10]))
    assert await decide(pipeline, run_id, approve=True) == 20
    await go_on(pipeline)
    assert await served(pipeline) == 11


async def test_a_page_that_was_found_when_it_was_tried_again_is_kept(pipeline: Pipeline) -> None:
    source_id = await crawled(pipeline)
    run_id = await crawl(pipeline, source_id, gone=PAGES[1:], failing=PAGES[:1])
    assert await state(pipeline, run_id) == "held"
    assert (await pipeline.intake.retry_many(caller=CALLER)).retried == 1
    await go_on(pipeline)
    # The run has closed again and looked anew: the same pages are held, once.
    assert await pipeline.value("SELECT pages FROM prunes WHERE run_id = $1", run_id) == 29
    assert await decide(pipeline, run_id, approve=True) == 29
    assert await served(pipeline) == 2


async def test_a_later_run_supersedes_what_nobody_decided(pipeline: Pipeline) -> None:
    source_id, run_id = await held(pipeline)
    await crawl(pipeline, source_id)
    assert await state(pipeline, run_id) == "superseded"
    assert await pipeline.value("SELECT count(*) FROM held_pages") == 0
    with pytest.raises(AlreadyDecidedError):
        await decide(pipeline, run_id, approve=True)
    assert await served(pipeline) == 31


async def test_a_run_that_failed_leaves_the_question_open(pipeline: Pipeline) -> None:
    source_id, run_id = await held(pipeline)
    await crawl(pipeline, source_id, failing=[HOME])
    assert await state(pipeline, run_id) == "held"
    assert await decide(pipeline, run_id, approve=True) == 30


async def test_a_run_that_holds_nothing_cannot_be_decided(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    with pytest.raises(NothingHeldError):
        await decide(pipeline, accepted.run_id, approve=True)


async def test_of_many_pages_the_janitor_retires_the_rest(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "SLICE_CHUNKS", 7)
    source_id, run_id = await held(pipeline)
    assert await decide(pipeline, run_id, approve=True) == 7
    janitor = PostgresPruneUpkeep(database=pipeline.database)
    while await janitor.unfinished(at_most=1):
        await janitor.retire_next(run_id)
    assert await served(pipeline) == 1
    (receipt,) = await pipeline.rows("SELECT detail FROM audit_log WHERE action = 'prune.retired'")
    assert receipt["detail"] == {"pages": 30, "retired": 30}
    await crawl(pipeline, source_id)
    assert await served(pipeline) == 31


async def test_a_source_that_is_deleted_in_between_takes_it_along(pipeline: Pipeline) -> None:
    source_id, run_id = await held(pipeline)
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=True)
    with pytest.raises(NotFoundError):
        await decide(pipeline, run_id, approve=True)
    removal = PostgresRemoval(database=pipeline.database)
    (source,) = await removal.deleting(at_most=1)
    while await removal.remove_content(source, at_most=7):
        pass
    assert await pipeline.value("SELECT count(*) FROM held_pages") == 0
    assert await pipeline.value("SELECT count(*) FROM prunes") == 0
    await pipeline.assert_balanced()


async def test_a_source_that_is_deleted_while_its_pages_are_retired_is_left_to_its_removal(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "SLICE_CHUNKS", 7)
    source_id, run_id = await held(pipeline)
    await decide(pipeline, run_id, approve=True)
    await pipeline.intake.delete_source(caller=CALLER, source_id=source_id, force=True)
    assert await PostgresPruneUpkeep(database=pipeline.database).retire_next(run_id) == Pruned()


async def test_a_run_that_is_removed_takes_it_along(pipeline: Pipeline) -> None:
    _, run_id = await held(pipeline)
    await pipeline.intake.delete_job(caller=CALLER, job_id=run_id)
    assert await pipeline.value("SELECT count(*) FROM held_pages") == 0
    assert await pipeline.value("SELECT count(*) FROM prunes") == 0
    assert await served(pipeline) == 31
