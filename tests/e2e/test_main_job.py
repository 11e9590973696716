"""The main job: crawl a site, upload files of every kind, and find them in every mode of search."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from support import documents, site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

MODES = ("keyword", "vector", "hybrid")


def table(*rows: list[Any]) -> list[list[Any]]:
    return [["tool", "metal", "price"], *rows]


@dataclass(frozen=True)
class File:
    """A file, a question, and where its answer stands."""

    name: str
    body: bytes = field(repr=False)
    question: str
    answer: str
    title: str
    heading_path: list[str]
    content_type: str


FILES = [
    File(
        "handbook.pdf",
        documents.manual_pdf(),
        "Which cable of valve 7 is connected first?",
        "The blue cable of valve 7 is connected first.",
        "The Example Handbook",
        ["The Example Handbook", "Chapter 7", "Wiring 7"],
        "application/pdf",
    ),
    File(
        "pump.docx",
        documents.word(paragraphs=["Grease the impeller with tallow."]),
        "Grease the impeller with tallow",
        "Grease the impeller with tallow.",
        "Pump manual",
        ["Pump manual", "Maintenance"],
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    File(
        "chisels.csv",
        documents.comma_separated(table(["mortise chisel", "vanadium", 31])),
        "mortise chisel vanadium",
        "tool: mortise chisel; metal: vanadium; price: 31",
        "chisels",
        ["chisels"],
        "text/csv",
    ),
    File(
        "anvils.xlsx",
        documents.xlsx({"Forge": table(["farrier anvil", "cast iron", 420])}),
        "farrier anvil",
        "tool: farrier anvil; metal: cast iron; price: 420",
        "anvils",
        ["anvils", "Forge"],
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    File(
        "lathes.xls",
        documents.xls(table(["watchmaker lathe", "brass", 990])),
        "watchmaker lathe of brass",
        "tool: watchmaker lathe; metal: brass; price: 990",
        "lathes",
        ["lathes", "Orders"],
        "application/vnd.ms-excel",
    ),
    File(
        "bells.parquet",
        documents.parquet(pa.table({"bell": ["carillon bell"], "metal": ["bronze"]})),
        "carillon bell of bronze",
        "bell: carillon bell; metal: bronze",
        "bells",
        ["bells"],
        "application/vnd.apache.parquet",
    ),
    File(
        "orchard.md",
        b"# Orchard\n\n## Pruning\n\nPrune the quince tree in February.\n\n## Harvest\n\nPick the medlars late.\n",
        "When is the quince tree pruned?",
        "Prune the quince tree in February.",
        "Orchard",
        ["Orchard", "Pruning"],
        "text/markdown",
    ),
    File(
        "widgets.html",
        documents.manual_html(),
        "How is the widget number 2 mounted?",
        "Paragraph 2 explains how the widget number 2 is mounted.",
        "Widgets",
        ["Widgets", "Section 2"],
        "text/html",
    ),
    File(
        "ferry.txt",
        b"The ferry to the island leaves at noon, except on Whit Monday.\n",
        "When does the ferry to the island leave?",
        "The ferry to the island leaves at noon, except on Whit Monday.",
        "ferry",
        ["ferry"],
        "text/plain",
    ),
]


async def test_files_of_every_kind_are_found_at_their_source(quern: Client, truth: Truth, group: str) -> None:
    uploads = await asyncio.gather(*(quern.ingest(file.name, file.body, group_id=group) for file in FILES))
    for file, upload in zip(FILES, uploads, strict=True):
        document = await quern.get(f"/v1/documents/{upload.document_id}")
        assert (document["title"], document["content_type"]) == (file.title, file.content_type)
        assert document["source_uri"] == f"upload://sha256:{document['versions'][0]['content_hash']}"
        for mode in MODES:
            best = (await quern.search(file.question, mode=mode, group_ids=[group]))[0]
            assert file.answer in best["text"], (file, mode)
            assert (best["source_id"], best["document_id"]) == (upload.source_id, upload.document_id)
            assert best["version_id"] == document["active_version_id"]
            assert (best["title"], best["heading_path"]) == (file.title, file.heading_path)
    await truth.converged()


async def test_site_is_crawled_page_by_page_and_found(quern: Client, truth: Truth, site: TestSite) -> None:
    site_fixtures.manual(site)
    source_id, run_id = await quern.add_site(site.url("/"))
    run = await quern.succeeded(run_id)
    assert run["progress"] | {"total": 4, "succeeded": 4, "failed": 0, "percent": 100} == run["progress"]
    pages = ["/", "/care.html", "/parts.html", "/warranty.html"]
    assert {path: site.hits[path] for path in pages} == dict.fromkeys(pages, 1)
    ledger = (await quern.get(f"/v1/sources/{source_id}/pages"))["items"]
    assert {page["url"]: (page["status"], page["depth"], page["http_status"]) for page in ledger} == {
        site.url("/"): ("succeeded", 0, 200),
        **{site.url(path): ("succeeded", 1, 200) for path in pages[1:]},
    }
    for mode in MODES:
        best = (await quern.search("limescale in the spout", mode=mode, source_ids=[source_id]))[0]
        assert best["text"] == "Citric acid removes the limescale from the spout of the kettle."
        assert (best["url"], best["title"]) == (site.url("/care.html"), "Care")
        assert best["heading_path"] == ["Care", "Descaling"]
    source = await quern.get(f"/v1/sources/{source_id}")
    assert (source["status"], source["documents"], source["chunks"]) == ("idle", 4, 5)
    await truth.converged()


async def test_document_is_served_as_markdown_with_its_chunks(quern: Client, group: str) -> None:
    upload = await quern.ingest("orchard.md", FILES[6].body, group_id=group, title="My orchard")
    content = await quern.call("GET", f"/v1/documents/{upload.document_id}/content")
    assert content.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "## Pruning\n\nPrune the quince tree in February." in content.body
    chunks = await quern.chunks(upload.document_id)
    assert [chunk["ordinal"] for chunk in chunks] == [0, 1]
    assert chunks[1]["text"] == "Pick the medlars late."
    assert (await quern.get(f"/v1/documents/{upload.document_id}"))["title"] == "My orchard"


async def test_columns_of_a_table_are_listed(quern: Client, group: str) -> None:
    upload = await quern.ingest("orders.csv", documents.comma_separated(), group_id=group)
    columns = (await quern.get(f"/v1/sources/{upload.source_id}/columns"))["columns"]
    assert columns[0] == {"name": "order", "type": "integer"}
    # The unnamed column has values, and no name to be known by.
    assert len(columns) == len(documents.ORDERS[0]) - 1


async def test_nothing_is_found_where_there_is_nothing(quern: Client, group: str) -> None:
    assert await quern.search("quince", group_ids=[group]) == []


async def test_small_page_becomes_searchable_without_anybody_asking_for_its_run(
    quern: Client, site: TestSite
) -> None:
    site.page("/", site_fixtures.page("Note", ("Ebb", "The xylophone stands in the boathouse.")))
    source_id, _run_id = await quern.add_site(site.url("/"))

    async def found() -> list[dict[str, Any]]:
        return await quern.search("xylophone", mode="keyword", source_ids=[source_id])

    await until(found, "the page is found", seconds=30)


@pytest.mark.parametrize("path", ["/api/stats", "/v1/stats"])
async def test_stats_count_what_is_served(quern: Client, truth: Truth, path: str) -> None:
    stats = await quern.get(path)
    assert stats == {
        "sources": await truth.value("SELECT count(*) FROM sources WHERE status = 'live'"),
        "documents": await truth.value(
            "SELECT count(*) FROM document_versions v JOIN sources s ON s.id = v.source_id"
            " WHERE v.is_active AND s.status = 'live'"
        ),
        "failed_jobs": await truth.value("SELECT count(*) FROM failed_jobs"),
    }
