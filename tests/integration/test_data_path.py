"""The data path over real Postgres: accept, announce, claim, store, index, activate, retry, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.errors import ErrorCode
from shared.ids import document_id
from shared.postgres.claims import Ticket
from shared.postgres.intake_errors import (
    AlreadyFinishedError,
    AlreadyRetriedError,
    ConflictError,
    IngestInProgressError,
    NotFailedError,
    NotFoundError,
    RunCancelledError,
    SourceExistsError,
)
from support.pipeline import CALLER, Pipeline

if TYPE_CHECKING:
    from uuid import UUID


SITE = {
    "https://site.test/": ("home\n\nwelcome", ["https://site.test/a", "https://site.test/b"]),
    "https://site.test/a": ("page a", ["https://site.test/b", "https://site.test/c"]),
    "https://site.test/b": ("page b", ["https://site.test/"]),
    "https://site.test/c": ("page c", []),
}


async def status(pipeline: Pipeline, job_id: UUID) -> str:
    return str(await pipeline.value("SELECT status FROM jobs WHERE id = $1", job_id))


async def served(pipeline: Pipeline) -> set[str]:
    rows = await pipeline.rows(
        """SELECT c.text FROM objects o JOIN chunks c ON c.id = o.chunk_id WHERE o.state = 'active'"""
    )
    return {row["text"] for row in rows}


async def test_a_crawl_stores_every_page_once_and_closes(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    run = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", accepted.run_id))[0]
    assert run["status"] == "succeeded"
    assert (run["total"], run["succeeded"], run["failed"], run["skipped"]) == (4, 4, 0, 0)
    assert await served(pipeline) == {"home", "welcome", "page a", "page b", "page c"}
    await pipeline.assert_balanced()


async def test_an_unchanged_site_is_neither_staged_nor_indexed_again(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    objects = await pipeline.value("SELECT count(*) FROM objects")
    run_id = await pipeline.intake.sync(
        caller=CALLER, source_id=accepted.source_id, host="https://site.test:443"
    )
    await pipeline.run_all(SITE)
    run = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", run_id))[0]
    assert (run["status"], run["total"], run["skipped"]) == ("succeeded", 4, 4)
    reasons = await pipeline.rows("SELECT DISTINCT reason FROM jobs WHERE parent_id = $1", run_id)
    assert [row["reason"] for row in reasons] == ["unchanged"]
    assert await pipeline.value("SELECT count(*) FROM objects") == objects
    await pipeline.assert_balanced()


async def test_a_page_that_answers_304_still_leads_to_its_links(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    await pipeline.intake.sync(caller=CALLER, source_id=accepted.source_id, host="https://site.test:443")
    seen = []
    while claims := await pipeline.work():
        results = []
        for claim in claims:
            seen.append(claim.payload["url"])
            results.append(pipeline.page(claim, "", not_modified=True, http_status=304))
        stored = await pipeline.store(
            *[pipeline.result(c, page=r.page) for c, r in zip(claims, results, strict=True)]
        )
        assert not stored.indexing
    assert sorted(seen) == sorted(SITE)
    assert len(await served(pipeline)) == 5


async def test_validators_are_kept_only_for_content_that_is_served(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_depth=0)
    (claim,) = await pipeline.work()
    stored = await pipeline.store(pipeline.page(claim, "first", etag='"1"'))
    assert await pipeline.value("SELECT etag FROM crawl_pages") is None
    await pipeline.index(stored.indexing)
    assert await pipeline.value("SELECT etag FROM crawl_pages") == '"1"'
    await pipeline.intake.sync(caller=CALLER, source_id=accepted.source_id, host="https://site.test:443")
    (claim,) = await pipeline.work()
    assert claim.etag == '"1"'
    await pipeline.store(pipeline.page(claim, "second", etag='"2"'))
    # Staged but not served: asking with the new validator would take the old content for the new one.
    assert await pipeline.value("SELECT etag FROM crawl_pages") is None


async def test_a_changed_page_indexes_only_its_new_chunks_and_swaps_as_a_whole(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    await pipeline.intake.sync(caller=CALLER, source_id=accepted.source_id, host="https://site.test:443")
    changed = SITE | {"https://site.test/": ("home\n\nwelcome back", SITE["https://site.test/"][1])}
    before = await pipeline.value("SELECT count(*) FROM objects WHERE state <> 'deleting'")
    await pipeline.run_all(changed)
    assert await served(pipeline) == {"home", "welcome back", "page a", "page b", "page c"}
    assert await pipeline.value("SELECT count(*) FROM objects WHERE state <> 'deleting'") == before + 1
    assert await pipeline.value("SELECT count(*) FROM objects WHERE state = 'superseded'") == 1
    assert (
        await pipeline.value(
            "SELECT max(n) FROM (SELECT count(*) n FROM document_versions WHERE is_active GROUP BY document_id) x"
        )
        == 1
    )


async def test_a_page_that_a_complete_run_misses_is_retired(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    await pipeline.intake.sync(caller=CALLER, source_id=accepted.source_id, host="https://site.test:443")
    smaller = SITE | {"https://site.test/a": ("page a", ["https://site.test/b"])}
    await pipeline.run_all(smaller)
    assert "page c" not in await served(pipeline)
    document = document_id(accepted.source_id, "https://site.test/c")
    assert await pipeline.value("SELECT status FROM documents WHERE id = $1", document) == "retired"


async def test_a_page_that_is_gone_is_retired_at_once_and_its_run_succeeds(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    run_id = await pipeline.intake.sync(
        caller=CALLER, source_id=accepted.source_id, host="https://site.test:443"
    )
    while claims := await pipeline.work():
        results = []
        for claim in claims:
            url = claim.payload["url"]
            if url == "https://site.test/b":
                results.append(
                    pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=404)
                )
            else:
                results.append(pipeline.page(claim, *SITE[url]))
        await pipeline.index((await pipeline.store(*results)).indexing)
    assert "page b" not in await served(pipeline)
    assert await status(pipeline, run_id) == "succeeded"
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    await pipeline.assert_balanced()


async def test_a_page_is_retired_never_because_most_of_a_site_is_missing(pipeline: Pipeline) -> None:
    pages: dict[str, tuple[str, list[str]]] = {f"https://site.test/{n}": (f"page {n}", []) for n in range(30)}
    full = {"https://site.test/": ("home", list(pages))} | pages
    accepted = await pipeline.add_site()
    await pipeline.run_all(full)
    run_id = await pipeline.intake.sync(
        caller=CALLER, source_id=accepted.source_id, host="https://site.test:443"
    )
    await pipeline.run_all({"https://site.test/": ("home", [])})
    assert len(await served(pipeline)) == 31
    stats = await pipeline.value("SELECT stats FROM jobs WHERE id = $1", run_id)
    assert stats["warning"] == "prune_held"


async def test_max_pages_holds_for_the_whole_run(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_pages=3)
    await pipeline.run_all(SITE)
    assert await pipeline.value("SELECT total FROM jobs WHERE id = $1", accepted.run_id) == 3
    refused = await pipeline.rows("SELECT url_key FROM crawl_pages WHERE reason = 'max_pages'")
    assert [row["url_key"] for row in refused] == ["https://site.test/c"]


async def test_depth_is_inclusive_and_refused_pages_are_listed(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site(max_depth=1)
    await pipeline.run_all(SITE)
    assert await pipeline.value("SELECT total FROM jobs WHERE id = $1", accepted.run_id) == 3
    assert (
        await pipeline.value("SELECT reason FROM crawl_pages WHERE url_key = $1", "https://site.test/c")
        == "depth"
    )


async def test_a_redirect_to_a_page_of_the_run_is_canonical(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, *SITE["https://site.test/"]))
    claims = {c.payload["url"]: c for c in await pipeline.work()}
    moved = pipeline.page(
        claims["https://site.test/a"],
        "page b",
        final_url="https://site.test/b",
        final_key="https://site.test/b",
    )
    stored = await pipeline.store(moved)
    assert stored.indexing == []
    assert await pipeline.value("SELECT reason FROM jobs WHERE id = $1", moved.job_id) == "canonical"


async def test_a_redirect_to_a_new_page_takes_it(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", ["https://site.test/old"]))
    (claim,) = await pipeline.work()
    moved = pipeline.page(
        claim,
        "new place",
        ["https://site.test/new"],
        final_url="https://site.test/new",
        final_key="https://site.test/new",
    )
    stored = await pipeline.store(moved)
    await pipeline.index(stored.indexing)
    assert stored.discovered == 0
    assert (
        await pipeline.value("SELECT source_uri FROM documents WHERE title = $1", "https://site.test/old")
        == "https://site.test/new"
    )


async def test_a_transient_failure_is_tried_again_and_then_dead(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    epochs = []
    for attempt in (1, 2, 3):
        (claim,) = await pipeline.work()
        epochs.append(claim.ticket.epoch)
        assert claim.attempt == attempt
        await pipeline.store(pipeline.failure(claim, ErrorCode.UNREACHABLE, retryable=True))
    assert epochs == [1, 2, 3]
    failed = (await pipeline.rows("SELECT * FROM failed_jobs"))[0]
    assert (failed["error_code"], failed["handler"], failed["retryable"]) == ("unreachable", "web", True)
    assert failed["payload"]["url"] == "https://site.test/"
    run = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", accepted.run_id))[0]
    assert (run["status"], run["error_code"]) == ("failed", "unreachable")
    await pipeline.assert_balanced()


async def test_a_retry_opens_the_run_again_and_happens_once(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=500))
    assert await status(pipeline, accepted.run_id) == "failed"
    job_id = claim.ticket.job_id
    # A person retries the run: that means its failed seed page.
    assert await pipeline.intake.retry(caller=CALLER, job_id=accepted.run_id) == job_id
    with pytest.raises(AlreadyRetriedError):
        await pipeline.intake.retry(caller=CALLER, job_id=job_id)
    assert await pipeline.value("SELECT count(*) FROM failed_jobs") == 0
    await pipeline.run_all(SITE)
    assert await status(pipeline, accepted.run_id) == "succeeded"
    job = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", job_id))[0]
    assert (job["retries"], job["attempt"], job["epoch"]) == (1, 1, 2)
    with pytest.raises(NotFailedError):
        await pipeline.intake.retry(caller=CALLER, job_id=job_id)
    await pipeline.assert_balanced()


async def test_a_result_of_an_earlier_epoch_changes_nothing(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (claim,) = await pipeline.work()
    assert await pipeline.claims.hand_back([claim.ticket], after_seconds=0) == 1
    stored = await pipeline.store(pipeline.page(claim, *SITE["https://site.test/"]))
    assert stored.late == [claim.ticket.job_id]
    assert await status(pipeline, claim.ticket.job_id) == "queued"
    (again,) = await pipeline.work()
    assert again.ticket.epoch == claim.ticket.epoch + 1
    assert again.attempt == 1


async def test_a_message_stored_twice_changes_nothing(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (claim,) = await pipeline.work()
    result = pipeline.page(claim, *SITE["https://site.test/"])
    first = await pipeline.store(result, result)
    second = await pipeline.store(result)
    assert first.indexing == [claim.ticket.job_id]
    assert second.late == [claim.ticket.job_id]
    assert await pipeline.value("SELECT count(*) FROM jobs WHERE type = 'page'") == 3
    await pipeline.assert_balanced()


async def test_a_job_is_claimed_once(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (message,) = await pipeline.windows.announce_waiting()
    ticket = Ticket(message.job_id, message.epoch)
    assert len(await pipeline.claims.claim([ticket])) == 1
    other = Pipeline(database=pipeline.database, gateway=pipeline.gateway)
    await other.beat("ingest-worker", other.worker_id, slots=8)
    assert await other.claims.claim([ticket]) == []
    # Its own claim is given to it again: the answer to the first may have been lost.
    assert len(await pipeline.claims.claim([ticket])) == 1


async def test_a_worker_whose_lease_lapsed_claims_nothing(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (message,) = await pipeline.windows.announce_waiting()
    async with pipeline.database.transaction() as connection:
        await connection.execute("UPDATE workers SET lease_until = now() - interval '1 second'")
    assert await pipeline.claims.claim([Ticket(message.job_id, message.epoch)]) == []


async def test_parts_become_one_version_whatever_their_order(pipeline: Pipeline) -> None:
    from ingest_worker.core.result_parts import split  # noqa: PLC0415

    accepted = await pipeline.upload("long.md", b"long")
    (claim,) = await pipeline.work()
    text = "\n\n".join(f"paragraph {n} " + "x" * 200 for n in range(60))
    parts = split(pipeline.file(claim, text), max_bytes=6000)
    assert len(parts) > 3
    for part in reversed(parts[1:]):
        assert (await pipeline.store(part)).indexing == []
    stored = await pipeline.store(parts[0])
    assert stored.indexing == [accepted.run_id]
    activated = await pipeline.index(stored.indexing)
    assert activated.endings == [(accepted.run_id, "upload", "succeeded")]
    version = (await pipeline.rows("SELECT * FROM document_versions"))[0]
    assert version["markdown"] == text
    ordinals = await pipeline.rows("SELECT ordinal FROM version_chunks ORDER BY ordinal")
    assert [row["ordinal"] for row in ordinals] == list(range(60))


async def test_equal_bytes_are_stored_once(pipeline: Pipeline) -> None:
    first = await pipeline.upload("one.md", b"same")
    twin = await pipeline.upload("two.md", b"same")
    assert (first.status, twin.status) == ("queued", "queued")
    (claim,) = await pipeline.work()
    assert claim.ticket.job_id == first.run_id
    await pipeline.index((await pipeline.store(pipeline.file(claim, "same"))).indexing)
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "same"))
    row = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", twin.run_id))[0]
    assert (row["status"], row["reason"], row["duplicate_of"]) == ("skipped", "duplicate", first.document_id)
    assert await pipeline.value("SELECT count(*) FROM sources WHERE status = 'live'") == 1
    third = await pipeline.upload("three.md", b"same")
    assert (third.status, third.duplicate_of, third.source_id) == (
        "skipped",
        first.document_id,
        first.source_id,
    )
    with pytest.raises(ConflictError):
        await pipeline.intake.rerun(caller=CALLER, job_id=third.run_id)
    await pipeline.assert_balanced()


async def test_a_twin_is_ingested_when_the_first_fails(pipeline: Pipeline) -> None:
    await pipeline.upload("one.md", b"same")
    twin = await pipeline.upload("two.md", b"same")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.file(claim, "same"))).indexing)
    assert await status(pipeline, twin.run_id) == "succeeded"


async def test_versions_of_one_file_go_one_after_the_other_and_the_last_accepted_wins(
    pipeline: Pipeline,
) -> None:
    first = await pipeline.upload("a.md", b"1")
    second = await pipeline.upload("a.md", b"2")
    third = await pipeline.upload("a.md", b"1")
    assert first.document_id == second.document_id == third.document_id
    assert third.status == "queued"
    for text in ("one", "two", "one"):
        (claim,) = await pipeline.work()
        await pipeline.index((await pipeline.store(pipeline.file(claim, text))).indexing)
    assert await served(pipeline) == {"one"}
    assert await pipeline.value("SELECT count(*) FROM document_versions WHERE is_active") == 1
    await pipeline.assert_balanced()


async def test_a_retry_of_an_older_version_is_superseded(pipeline: Pipeline) -> None:
    first = await pipeline.upload("a.md", b"1")
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.CORRUPT_FILE, retryable=False))
    await pipeline.upload("a.md", b"2")
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.file(claim, "two"))).indexing)
    await pipeline.intake.retry(caller=CALLER, job_id=first.run_id)
    (claim,) = await pipeline.work()
    await pipeline.store(pipeline.file(claim, "one"))
    row = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", first.run_id))[0]
    assert (row["status"], row["reason"]) == ("skipped", "superseded")
    assert await served(pipeline) == {"two"}


async def test_an_earlier_version_is_served_again(pipeline: Pipeline) -> None:
    accepted = await pipeline.upload("a.md", b"1")
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.file(claim, "one\n\nboth"))).indexing)
    old = await pipeline.value("SELECT id FROM document_versions WHERE is_active")
    await pipeline.upload("a.md", b"2")
    (claim,) = await pipeline.work()
    await pipeline.index((await pipeline.store(pipeline.file(claim, "two\n\nboth"))).indexing)
    run_id = await pipeline.intake.activate(caller=CALLER, document_id=accepted.document_id, version_id=old)
    assert await pipeline.indexing.adopt(at_most=10) == [run_id]
    activated = await pipeline.index([run_id])
    assert activated.endings == [(run_id, "activate", "succeeded")]
    assert await served(pipeline) == {"one", "both"}
    await pipeline.assert_balanced()


async def test_cancelling_a_run_ends_all_of_it_and_late_results_are_dropped(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, *SITE["https://site.test/"]))
    claims = await pipeline.work()
    await pipeline.intake.cancel(caller=CALLER, job_id=accepted.run_id)
    stored = await pipeline.store(*[pipeline.page(c, *SITE[c.payload["url"]]) for c in claims])
    assert len(stored.late) == 2
    run = (await pipeline.rows("SELECT * FROM jobs WHERE id = $1", accepted.run_id))[0]
    assert run["status"] == "cancelled"
    assert run["total"] == run["succeeded"] + run["cancelled"] + run["skipped"] + run["failed"]
    assert await pipeline.work() == []
    with pytest.raises(AlreadyFinishedError):
        await pipeline.intake.cancel(caller=CALLER, job_id=accepted.run_id)
    await pipeline.assert_balanced()


async def test_a_page_of_a_cancelled_run_is_not_retried(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, *SITE["https://site.test/"]))
    claim, _ = await pipeline.work()
    await pipeline.store(pipeline.failure(claim, ErrorCode.HTTP_ERROR, retryable=False, http_status=403))
    await pipeline.intake.cancel(caller=CALLER, job_id=accepted.run_id)
    with pytest.raises(RunCancelledError):
        await pipeline.intake.retry(caller=CALLER, job_id=claim.ticket.job_id)


async def test_a_source_with_an_active_run_is_deleted_only_by_force(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    (claim,) = await pipeline.work()
    with pytest.raises(IngestInProgressError):
        await pipeline.intake.delete_source(caller=CALLER, source_id=accepted.source_id, force=False)
    await pipeline.intake.delete_source(caller=CALLER, source_id=accepted.source_id, force=True)
    stored = await pipeline.store(pipeline.page(claim, *SITE["https://site.test/"]))
    assert stored.late == [claim.ticket.job_id]
    with pytest.raises(NotFoundError):
        await pipeline.intake.delete_source(caller=CALLER, source_id=accepted.source_id, force=True)
    again = await pipeline.add_site()
    assert again.source_id != accepted.source_id
    await pipeline.assert_balanced()


async def test_a_source_is_added_once(pipeline: Pipeline) -> None:
    accepted = await pipeline.add_site()
    with pytest.raises(SourceExistsError) as refused:
        await pipeline.add_site("https://SITE.test:443/#top")
    assert refused.value.source_id == accepted.source_id


async def test_the_window_is_bounded_and_some_of_it_is_kept_for_uploads(pipeline: Pipeline) -> None:
    many = [f"https://site.test/{n}" for n in range(60)]
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", many))
    first = await pipeline.windows.announce_waiting()
    assert [m.payload["url"] for m in first] == many[: 2 * 8 - 1]
    assert await pipeline.windows.announce_waiting() == []
    accepted = await pipeline.upload("a.md", b"1")
    (message,) = await pipeline.windows.announce_waiting()
    assert message.job_id == accepted.run_id


async def test_tenants_take_turns(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", [f"https://site.test/{n}" for n in range(60)]))
    await pipeline.add_site("https://other.test/")
    messages = await pipeline.windows.announce_waiting()
    assert "https://other.test/" in {m.payload["url"] for m in messages[:2]}


async def test_row_level_security_shows_nothing_without_a_principal(pipeline: Pipeline) -> None:
    await pipeline.add_site()
    async with pipeline.gateway.transaction() as connection:
        for table in ("sources", "jobs", "groups", "ledger", "tenants"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_page_that_is_too_deep_is_listed_with_the_reason(pipeline: Pipeline) -> None:
    await pipeline.add_site(max_depth=1)
    (seed,) = await pipeline.work()
    await pipeline.store(pipeline.page(seed, "home", ["https://site.test/a", "https://site.test/b"]))
    claims = {c.payload["url"]: c for c in await pipeline.work()}
    await pipeline.store(pipeline.page(claims["https://site.test/a"], "a", ["https://site.test/deep"]))
    assert await pipeline.value("SELECT reason FROM crawl_pages WHERE url_key LIKE '%deep'") == "depth"


async def test_a_request_repeated_after_a_lost_answer_is_accepted_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pipeline.gateway.run

    async def twice(work: Any, principal: Any = None) -> Any:
        await original(work, principal)
        return await original(work, principal)

    monkeypatch.setattr(pipeline.gateway, "run", twice)
    site = await pipeline.add_site()
    upload = await pipeline.upload("a.md", b"1")
    run_id = await pipeline.intake.sync(caller=CALLER, source_id=site.source_id, host="https://site.test:443")
    assert run_id == site.run_id
    assert upload.status == "queued"
    roots = await pipeline.rows("SELECT type FROM jobs WHERE parent_id IS NULL ORDER BY seq")
    assert [row["type"] for row in roots] == ["crawler", "upload"]
    await pipeline.assert_balanced()
