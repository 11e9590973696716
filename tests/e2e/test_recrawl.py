"""Crawling again: only what changed costs anything, and what is gone is no longer found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import site_fixtures

if TYPE_CHECKING:
    from support.client import Client, Json
    from support.e2e import Truth
    from support.sites import TestSite

EMBEDDED = "quern_chunks_embedded_total"
PAGES = ("/", "/care.html", "/parts.html", "/warranty.html")


def by_url(pages: list[Json]) -> dict[str, tuple[str, str | None]]:
    return {page["url"]: (page["status"], page["reason"]) for page in pages}


async def test_unchanged_site_is_asked_and_nothing_is_embedded(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    before = await quern.contents(source_id, site.url(""))
    versions = await truth.rows("SELECT id FROM document_versions WHERE source_id = $1", source_id)
    embedded = await truth.metric(EMBEDDED, of="result-consumer")
    run = await quern.sync(source_id)
    assert await truth.metric(EMBEDDED, of="result-consumer") == embedded
    assert {path: site.not_modified[path] for path in PAGES} == dict.fromkeys(PAGES, 1)
    assert (run["progress"]["total"], run["progress"]["skipped"]) == (4, 4)
    pages = (await quern.get(f"/v1/sources/{source_id}/pages"))["items"]
    assert by_url(pages) == {site.url(path): ("skipped", "unchanged") for path in PAGES}
    assert await quern.contents(source_id, site.url("")) == before
    assert await truth.rows("SELECT id FROM document_versions WHERE source_id = $1", source_id) == versions
    await truth.converged()


async def test_equal_content_without_validators_is_not_embedded_again(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site.page("/", site_fixtures.page("Almanac", ("Moon", "The moon is full on the fifth.")), etag=False)
    source_id = await quern.crawl(site.url("/"))
    embedded = await truth.metric(EMBEDDED, of="result-consumer")
    run = await quern.sync(source_id)
    assert run["progress"]["skipped"] == 1
    assert await truth.metric(EMBEDDED, of="result-consumer") == embedded
    assert site.hits["/"] == 2


async def test_changed_new_and_removed_pages_are_followed(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source_id = await quern.crawl(site.url("/"))
    embedded = await truth.metric(EMBEDDED, of="result-consumer")
    site.page(
        "/care.html",
        site_fixtures.page(
            "Care",
            ("Descaling", "Vinegar takes the crust off."),
            ("Storage", "Keep the kettle dry over the winter."),
            links=("/", "/parts.html", "/whistle.html"),
        ),
    )
    site.page("/whistle.html", site_fixtures.page("Whistle", ("Tone", "The whistle sounds in B flat.")))
    site.remove("/parts.html")
    await quern.sync(source_id)

    async def texts(query: str) -> list[str]:
        hits = await quern.search(query, mode="keyword", source_ids=[source_id])
        return [hit["text"] for hit in hits]

    assert await texts("vinegar") == ["Vinegar takes the crust off."]
    assert await texts("whistle sounds") == ["The whistle sounds in B flat."]
    assert await texts("limescale") == []
    assert await texts("walnut") == []
    assert await texts("winter") == ["Keep the kettle dry over the winter."]
    # The changed section and the new page; the section beside it, title and all, is as it was.
    assert await truth.metric(EMBEDDED, of="result-consumer") == embedded + 2
    (retired,) = await quern.documents(source_id, status="retired")
    assert retired["url"] == site.url("/parts.html")
    assert retired["active_version_id"] is None
    assert len(await quern.documents(source_id)) == 4
    pages = by_url((await quern.get(f"/v1/sources/{source_id}/pages"))["items"])
    assert pages[site.url("/parts.html")] == ("skipped", "gone")
    await truth.converged()


async def test_page_that_nothing_leads_to_any_more_is_retired_and_comes_back(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site.links("/", "/one.html", "/two.html", text="Index")
    for name in ("one", "two"):
        site.page(f"/{name}.html", site_fixtures.page(name, ("Body", f"The {name} of spades.")))
    source_id = await quern.crawl(site.url("/"))
    site.links("/", "/one.html", text="Index")
    await quern.sync(source_id)
    assert [d["url"] for d in await quern.documents(source_id, status="retired")] == [site.url("/two.html")]
    assert await quern.search("two of spades", mode="keyword", source_ids=[source_id], limit=1) != []
    assert site.hits["/two.html"] == 1
    site.links("/", "/one.html", "/two.html", text="Index")
    await quern.sync(source_id)
    assert await quern.documents(source_id, status="retired") == []
    found = await quern.search("the two of spades", mode="keyword", source_ids=[source_id], limit=1)
    assert found[0]["url"] == site.url("/two.html")
    await truth.converged()
