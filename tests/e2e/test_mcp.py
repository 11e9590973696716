"""An assistant's way through the whole product: find, read around, cite; by the official client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from shared.clock import new_id
from support.assistants import MODES, answered, assistant, told
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite
    from support.stacks import StackUnderTest

CHAPTERS = {
    "Wrenches": "A torque wrench tightens the axle nut to ninety newton metres.",
    "Chains": "The chain is oiled every two hundred kilometres and replaced when it has stretched.",
    "Brakes": "Squealing brakes are cured by bedding in new pads on a long descent.",
}


def manual(mark: str) -> str:
    """A page with a chapter for each subject; the mark tells it from those of other tests."""
    chapters = "".join(f"<h2>{name}</h2><p>{text} ({mark})</p>" for name, text in CHAPTERS.items())
    return f"<html><head><title>Manual {mark}</title></head><body><main><h1>Manual</h1>{chapters}</main></body></html>"


@pytest.mark.parametrize("mode", MODES)
async def test_an_assistant_finds_reads_and_can_cite(
    stack: StackUnderTest, quern: Client, site: TestSite, mode: str
) -> None:
    mark = f"mark{new_id().hex[-8:]}"
    site.page("/", manual(mark))
    source_id = await quern.crawl(site.url("/"))
    async with assistant(stack.gateway_url, mode) as client:
        asked = "how tight must the nut of the axle be?"
        result = await client.call_tool("search", {"query": asked, "source_ids": [source_id]})
        found = answered(result)["items"]
        best = found[0]
        assert "ninety newton metres" in best["text"]
        assert (best["url"], best["title"]) == (site.url("/"), "Manual")
        assert best["heading_path"][-1] == "Wrenches"
        assert best["source_id"] == source_id
        assert site.url("/") in told(result)
        same = await quern.search(asked, source_ids=[source_id])
        assert found == [{name: hit[name] for name in best} for hit in same]
        around = {"document_id": best["document_id"], "offset": best["ordinal"], "limit": 2}
        read = answered(await client.call_tool("read_document", around))
        assert read["items"][0]["text"] == best["text"]
        assert "oiled every two hundred kilometres" in read["items"][1]["text"]
        keyword = {"query": mark, "mode": "keyword", "limit": 2, "types": ["web"]}
        first = answered(await client.call_tool("search", keyword | {"neighbours": 1}))
        assert (len(first["items"]), first["next_offset"]) == (2, 2)
        assert all(hit["neighbours"]["before"] or hit["neighbours"]["after"] for hit in first["items"])
        rest = answered(await client.call_tool("search", keyword | {"offset": 2}))
        assert (len(rest["items"]), rest["next_offset"]) == (1, None)
        nothing = await client.call_tool("search", {"query": f"no{mark}", "mode": "keyword"})
        assert answered(nothing) == {"items": [], "next_offset": None}
        assert "Nothing was found." in told(nothing)
    await quern.delete(source_id)


async def test_a_table_is_read_in_rows(stack: StackUnderTest, quern: Client, group: str) -> None:
    # So long that no two of them fit into one piece.
    rows = "".join(f"{number},part {number} {'is heavy ' * 70}\n" for number in range(1, 6))
    uploaded = await quern.ingest("parts.csv", f"id,name\n{rows}".encode(), group_id=group)
    async with assistant(stack.gateway_url) as client:
        asked = {"document_id": uploaded.document_id, "offset": 1, "limit": 2}
        read = answered(await client.call_tool("read_document", asked))
        assert [piece["row"] for piece in read["items"]] == [2, 3]
        assert "part 2" in read["items"][0]["text"]
        assert (read["total"], read["next_offset"], read["url"]) == (5, 3, None)


async def test_a_frozen_dependency_is_named_in_time(stack: StackUnderTest, quern: Client, group: str) -> None:
    await quern.ingest("held.txt", b"what is searched while Weaviate stands still", group_id=group)
    asked = {"query": "stands still", "group_ids": [group]}
    async with assistant(stack.gateway_url) as client:
        stack.pause("weaviate")
        try:
            result = await client.call_tool("search", asked)
        finally:
            stack.resume("weaviate")
        assert result.is_error
        assert "weaviate does not answer now" in told(result)

        async def found_again() -> bool:
            return bool((await client.call_tool("search", asked)).structured_content)

        await until(found_again, "Weaviate answers again")


async def test_sigterm_of_the_gateway_lets_a_call_end(
    stack: StackUnderTest, quern: Client, truth: Truth
) -> None:
    before = len(truth.exit_words("gateway"))

    async def waits() -> bool:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gateway'"
            " AND wait_event_type = 'Lock' AND query LIKE '%sources%'"
        )
        return bool(await truth.value(waiting))

    async with assistant(stack.gateway_url) as client:
        await client.list_tools()
        postgres = await asyncpg.connect(stack.file.database_url)
        try:
            async with postgres.transaction():
                await postgres.execute("LOCK TABLE sources IN ACCESS EXCLUSIVE MODE")
                asking = asyncio.create_task(client.call_tool("list_sources", {}))
                await until(waits, "the tool waits for Postgres")
                stopping = asyncio.create_task(asyncio.to_thread(stack.stop, "gateway"))

                async def is_stopping() -> bool:
                    return "service_stopping" in stack.log("gateway").rpartition("http_listening")[2]

                await until(is_stopping, "the gateway stops")
            assert "items" in answered(await asking)
            await stopping
        finally:
            await postgres.close()
            await asyncio.to_thread(stack.start, "gateway")

    async def said() -> list[str]:
        return truth.exit_words("gateway")[before:]

    (words,) = await until(said, "the supervisor says how the gateway ended")
    assert "exit status 0" in words
    async with assistant(stack.gateway_url) as client:
        assert "items" in answered(await client.call_tool("list_sources", {}))
