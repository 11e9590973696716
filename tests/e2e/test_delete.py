"""A deleted source is gone at once, leaves nothing behind, and never comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from support import documents, site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

MODES = ("keyword", "vector", "hybrid")


async def removed(truth: Truth, source_id: str) -> None:
    """Wait until the janitor says that nothing is left, and look whether that is true."""

    async def done() -> bool:
        status = await truth.value("SELECT status FROM sources WHERE id = $1::text::uuid", source_id)
        return bool(status == "deleted")

    await until(done, "the source is deleted")
    assert await truth.left_of(source_id) == {}
    assert await truth.objects(source_id=source_id) == []


async def test_deleted_site_is_hidden_at_once_and_leaves_only_a_receipt(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    objects = len(await truth.objects(source_id=source_id))
    await quern.delete(source_id)
    for mode in MODES:
        for filters in ({}, {"source_ids": [source_id]}):
            found = await quern.search("limescale in the spout", mode=mode, limit=50, **filters)
            assert source_id not in {hit["source_id"] for hit in found}
    await quern.refused("DELETE", f"/v1/sources/{source_id}", status=404, code="not_found")
    await removed(truth, source_id)
    await quern.refused("GET", f"/v1/sources/{source_id}", status=404, code="not_found")
    assert await quern.documents(source_id) == []
    (receipt,) = await truth.rows(
        "SELECT outcome, (detail ->> 'objects_deleted')::int AS objects, (detail ->> 'read_back')::int AS left"
        " FROM audit_log WHERE action = 'source.deleted' AND target = $1",
        source_id,
    )
    assert dict(receipt) == {"outcome": "deleted", "objects": objects, "left": 0}
    await truth.converged()


async def test_deleted_upload_takes_its_original_along(quern: Client, truth: Truth, group: str) -> None:
    before = truth.blobs()
    upload = await quern.ingest("handbook.pdf", documents.manual_pdf(), group_id=group)
    assert len(truth.blobs() - before) == 1
    await quern.delete(upload.source_id)
    await quern.refused("GET", f"/v1/documents/{upload.document_id}", status=404, code="not_found")
    await removed(truth, upload.source_id)
    assert truth.blobs() == before
    again = await quern.ingest("handbook.pdf", documents.manual_pdf(), group_id=group)
    assert again.document_id != upload.document_id
    await truth.converged()


async def test_source_with_an_active_run_is_deleted_only_by_force(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    site.hold("/care.html")
    source_id, run_id = await quern.add_site(site.url("/"))
    await asyncio.to_thread(site.wait_for_hits, "/care.html")
    problem = await quern.refused("DELETE", f"/v1/sources/{source_id}", status=409, code="ingest_in_progress")
    assert problem["run_id"] == run_id
    await quern.delete(source_id, force=True)
    assert await quern.search("kettle", mode="keyword", source_ids=[source_id]) == []
    # The same address at once, while the old source is being removed and one of its pages is still on the way.
    again, second_run = await quern.add_site(site.url("/"))
    assert again != source_id
    site.release("/care.html")
    await quern.succeeded(second_run)
    await removed(truth, source_id)
    found = await quern.search("limescale", mode="keyword", source_ids=[again])
    assert [hit["url"] for hit in found] == [site.url("/care.html")]
    await truth.converged()


async def test_many_sources_deleted_at_once(quern: Client, truth: Truth, group: str) -> None:
    uploads = await asyncio.gather(
        *(
            quern.ingest(f"note-{n}.md", f"# Note {n}\n\nThe {n}th note.\n".encode(), group_id=group)
            for n in range(8)
        )
    )
    await asyncio.gather(*(quern.delete(upload.source_id) for upload in uploads))
    assert await quern.search("note", mode="keyword", group_ids=[group]) == []
    await asyncio.gather(*(removed(truth, upload.source_id) for upload in uploads))
    await truth.converged()
