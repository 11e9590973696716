"""What a run missed is asked in four statements; they say the same of every page that there can be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import pytest

from shared.clock import new_id
from shared.postgres.sql import queries
from shared.states import JobStatus
from shared.verdicts import RETIRING
from support.pipeline import DEFAULT_TENANT, Pipeline

if TYPE_CHECKING:
    from uuid import UUID


RUN, OTHER_RUN, OTHER_DOCUMENT = new_id(), new_id(), new_id()
GONE = sorted(reason.value for reason in RETIRING)
FATES = [status.value for status in JobStatus]
REASONS = [None, "unchanged", "depth", *GONE]


class Page(NamedTuple):
    """What is known of a document's page; ``leads_to`` is None, the document itself or another one."""

    run_id: UUID
    fate: str
    reason: str | None
    leads_to: str | None
    job_id: UUID | None


PAGES: list[Page | None] = [
    None,
    *(
        Page(*values)
        for values in product((RUN, OTHER_RUN), FATES, REASONS, (None, "itself", "another"), (None, new_id()))
    ),
]


def is_missed(page: Page | None, *, complete: bool) -> bool:
    if page is None or page.run_id != RUN:
        return complete
    moved = page.leads_to == "another" and (page.fate == "succeeded" or page.reason == "unchanged")
    return page.job_id is not None and (moved or (page.fate == "skipped" and page.reason in GONE))


async def add_pages(pipeline: Pipeline, source_id: UUID) -> list[UUID]:
    """A served document for each of them, in their order."""
    document_ids = [new_id() for _ in PAGES]
    documents = [
        (key, DEFAULT_TENANT, source_id, f"https://site.test/{number:04}", "active")
        for number, key in enumerate(document_ids)
    ]
    pages = [
        (
            source_id,
            uri,
            DEFAULT_TENANT,
            page.run_id,
            page.job_id,
            {"itself": key, "another": OTHER_DOCUMENT}.get(page.leads_to or ""),
            page.fate,
            page.reason,
        )
        for (key, _, _, uri, _), page in zip(documents, PAGES, strict=True)
        if page is not None
    ]
    async with pipeline.database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO documents (id, tenant_id, source_id, source_uri, status) VALUES ($1, $2, $3, $4, $5)",
            documents,
        )
        await connection.executemany(
            "INSERT INTO crawl_pages (source_id, url_key, url, tenant_id, run_id, job_id, document_id, fate, reason, depth)"
            " VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, 0)",
            pages,
        )
    return document_ids


@pytest.mark.parametrize("complete", [True, False])
async def test_all_statements_agree_on_what_a_run_missed(pipeline: Pipeline, *, complete: bool) -> None:
    source_id = (await pipeline.add_site()).source_id
    document_ids = await add_pages(pipeline, source_id)
    expected = {
        key for key, page in zip(document_ids, PAGES, strict=True) if is_missed(page, complete=complete)
    }
    assert 0 < len(expected) < len(PAGES)
    which = (source_id, RUN, complete, GONE)
    async with pipeline.database.transaction() as connection:
        counted = await connection.fetchrow(queries("documents")["count_missed"], *which, "", len(PAGES))
        assert counted is not None
        assert (counted["served"], counted["missed"]) == (len(PAGES), len(expected))
        missed = await connection.fetch(queries("documents")["missed"], *which, "", counted["last"])
        assert {row["id"] for row in missed} == expected
        await connection.execute(queries("held_pages")["hold"], *which, "", counted["last"])
        held = await connection.fetch(queries("held_pages")["next"], RUN, len(PAGES), GONE)
    assert {row["document_id"] for row in held} == expected
    assert all(row["missed"] for row in held), "nothing has changed since"
