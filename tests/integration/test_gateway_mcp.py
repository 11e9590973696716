"""Assistants at the real gateway, over real rows, by the official client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp
import pytest
from mcp.shared.exceptions import MCPError

from support.assistants import HEADERS, MODES, answered, assistant, call, message, told
from support.client import until
from support.gateways import Gateway, environment
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mcp.client import Client as McpClient

    from support.databases import Database

SITE = {
    "https://site.test/": ("home\n\nwelcome", ["https://site.test/a", "https://site.test/b"]),
    "https://site.test/a": ("page a\n\nmore of a\n\nthe end of a", []),
    "https://site.test/b": ("page b", []),
}
OTHER_TENANT = UUID("00000000-0000-7000-8000-00000000000f")
NOBODY = "00000000-0000-7000-8000-0000000000ff"
TOOLS = {"search", "list_sources", "list_documents", "read_document"}


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory)
    more = {
        "QUERN_HTTP_BODY_MAX_BYTES": "300000",
        "QUERN_MCP_REQUESTS_AT_ONCE": "40",
        "QUERN_MCP_ALLOWED_ORIGINS": "app://friend",
    }
    running = await Gateway.start(directory / "log", {**settings, **more})
    yield running
    assert await running.stop() == 0


@pytest.fixture(scope="module")
async def pipeline(module_database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(module_database.service_url)
    yield pipeline
    await pipeline.close()


@pytest.fixture(scope="module")
async def source_id(pipeline: Pipeline) -> str:
    """A crawled site of three pages."""
    accepted = await pipeline.add_site()
    await pipeline.run_all(SITE)
    return str(accepted.source_id)


@pytest.fixture(params=MODES)
async def client(
    request: pytest.FixtureRequest, gateway: Gateway, source_id: str
) -> AsyncIterator[McpClient]:
    # The client's task group is entered and left in one task, which fixtures do not promise.
    closing, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def live() -> None:
        async with assistant(gateway.url, request.param) as connected:
            ready.set_result(connected)
            await closing.wait()

    living = asyncio.create_task(live())
    await asyncio.wait({living, ready}, return_when=asyncio.FIRST_COMPLETED)
    if living.done():
        await living
    yield ready.result()
    closing.set()
    await living


async def document_of(client: McpClient, path: str) -> dict[str, Any]:
    found = answered(await client.call_tool("list_documents", {"q": f"site.test/{path}"}))
    return next(item for item in found["items"] if item["url"].endswith(f"/{path}"))


@asynccontextmanager
async def held(pipeline: Pipeline) -> AsyncIterator[None]:
    """While this lasts, nobody can read sources."""
    async with pipeline.database.transaction() as connection:
        await connection.execute("LOCK TABLE sources IN ACCESS EXCLUSIVE MODE")
        yield


async def test_it_says_what_it_is_and_what_it_can_do(client: McpClient) -> None:
    assert client.server_info is not None
    assert client.server_info.name == "quern"
    assert client.server_info.version
    assert "cite" in (client.instructions or "")
    listed = (await client.list_tools()).tools
    assert {tool.name for tool in listed} == TOOLS
    for tool in listed:
        assert tool.title
        assert len(tool.description or "") > 80
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        for name, field in tool.input_schema["properties"].items():
            assert field["description"], f"{tool.name}.{name}"
            assert "$ref" not in str(field)
            assert "null" not in str(field)


async def test_sources_are_listed(client: McpClient, source_id: str) -> None:
    result = await client.call_tool("list_sources", {"q": "site.test"})
    found = answered(result)
    (source,) = found["items"]
    assert (source["id"], source["url"], source["documents"]) == (source_id, "https://site.test/", 3)
    assert (found["total"], found["next_offset"]) == (1, None)
    assert "https://site.test/" in told(result)
    assert source_id in told(result)
    assert "headers" not in source


async def test_documents_are_listed_in_parts(client: McpClient, source_id: str) -> None:
    first = answered(await client.call_tool("list_documents", {"source_id": source_id, "limit": 2}))
    assert (len(first["items"]), first["total"], first["next_offset"]) == (2, 3, 2)
    result = await client.call_tool("list_documents", {"source_id": source_id, "limit": 2, "offset": 2})
    rest = answered(result)
    assert (len(rest["items"]), rest["next_offset"]) == (1, None)
    urls = {item["url"] for item in first["items"] + rest["items"]}
    assert urls == set(SITE)
    assert "This is the end." in told(result)


async def test_a_document_is_read_in_pieces(client: McpClient) -> None:
    document = await document_of(client, "a")
    result = await client.call_tool("read_document", {"document_id": document["id"], "limit": 2})
    first = answered(result)
    assert [piece["text"] for piece in first["items"]] == ["page a", "more of a"]
    assert (first["total"], first["next_offset"], first["url"]) == (3, 2, "https://site.test/a")
    assert "page a\n\nmore of a" in told(result)
    assert "go on with offset=2" in told(result)
    rest = answered(
        await client.call_tool(
            "read_document", {"document_id": document["id"], "offset": first["next_offset"]}
        )
    )
    assert [piece["text"] for piece in rest["items"]] == ["the end of a"]
    assert (rest["next_offset"], rest["version_id"]) == (None, first["version_id"])
    behind = await client.call_tool("read_document", {"document_id": document["id"], "offset": 99})
    assert answered(behind)["items"] == []
    assert "behind its end" in told(behind)


@pytest.mark.parametrize(
    ("tool", "arguments", "hint"),
    [
        ("search", {}, "query"),
        ("search", {"query": " "}, "query"),
        ("search", {"query": "x\x00y"}, "query"),
        ("search", {"query": "x", "limit": 51}, "limit"),
        ("search", {"query": "x", "limit": "5"}, "limit"),
        ("search", {"query": "x", "mode": "magic"}, "mode"),
        ("search", {"query": "x", "source_ids": ["not an id"]}, "source_ids.0"),
        ("search", {"query": "x", "tenant_id": NOBODY}, "tenant_id"),
        ("list_sources", {"limit": 0}, "limit"),
        ("list_sources", {"tenant": "other"}, "tenant"),
        ("list_documents", {"offset": 10_001}, "offset"),
        ("list_documents", {"status": "lost"}, "status"),
        ("read_document", {}, "document_id"),
        ("read_document", {"document_id": "1"}, "document_id"),
        ("read_document", {"document_id": NOBODY, "limit": 51}, "limit"),
    ],
)
async def test_wrong_arguments_are_told_to_the_assistant(
    client: McpClient, tool: str, arguments: dict[str, Any], hint: str
) -> None:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert told(result).startswith(f"The arguments of {tool} are not right. {hint}: ")
    assert told(result).endswith(".")


async def test_unknown_ids_and_tools_are_told(client: McpClient) -> None:
    result = await client.call_tool("read_document", {"document_id": NOBODY})
    assert result.is_error
    assert "There is no such document. Look up the id" in told(result)
    assert answered(await client.call_tool("list_documents", {"source_id": NOBODY}))["items"] == []
    with pytest.raises(MCPError, match=r"no such tool\. The tools are search, "):
        await client.call_tool("remove_everything", {})


async def test_a_dependency_that_is_down_is_named(client: McpClient) -> None:
    result = await client.call_tool("search", {"query": "anything", "mode": "keyword"})
    assert result.is_error
    assert "weaviate does not answer now. Try again in some seconds." in told(result)


async def test_documents_are_resources(client: McpClient) -> None:
    (template,) = (await client.list_resource_templates()).resource_templates
    listed = (await client.list_resources()).resources
    by_url = {resource.description: resource for resource in listed}
    assert set(by_url) == set(SITE)
    resource = by_url["https://site.test/a"]
    assert resource.uri.startswith(template.uri_template.partition("{")[0])
    (content,) = (await client.read_resource(resource.uri)).contents
    assert content.mime_type == "text/markdown"
    assert getattr(content, "text", "") == "page a\n\nmore of a\n\nthe end of a"


@pytest.mark.parametrize(
    "uri", [f"quern://documents/{NOBODY}", "quern://documents/x", "file:///etc/passwd", "quern://sources/1"]
)
async def test_unknown_resources_are_refused(client: McpClient, uri: str) -> None:
    with pytest.raises(MCPError, match="There is no such"):
        await client.read_resource(uri)


async def test_a_made_up_cursor_is_refused(client: McpClient) -> None:
    for cursor in ("x", "-1", "99999999999", "9" * 5000):
        with pytest.raises(MCPError, match="cursor"):
            await client.list_resources(cursor=cursor)


async def test_nothing_of_another_tenant_is_seen(
    client: McpClient, pipeline: Pipeline, source_id: str
) -> None:
    document = await document_of(client, "a")
    await pipeline.rows(
        "INSERT INTO tenants (id, slug, name) VALUES ($1, 'other', 'Other') ON CONFLICT DO NOTHING",
        OTHER_TENANT,
    )
    tables = ("groups", "sources", "documents", "document_versions", "version_chunks", "chunks", "jobs")
    [home] = {row["tenant_id"] for row in await pipeline.rows("SELECT tenant_id FROM documents")}
    for table in tables:
        await pipeline.rows(f"UPDATE {table} SET tenant_id = $1", OTHER_TENANT)
    try:
        result = await client.call_tool("read_document", {"document_id": document["id"]})
        assert result.is_error
        assert "There is no such document." in told(result)
        for tool in ("list_sources", "list_documents"):
            assert answered(await client.call_tool(tool, {}))["total"] == 0
        asked = {"source_id": source_id}
        assert answered(await client.call_tool("list_documents", asked))["total"] == 0
        with pytest.raises(MCPError, match="There is no such"):
            await client.read_resource(f"quern://documents/{document['id']}")
        assert (await client.list_resources(cache_mode="bypass")).resources == []
    finally:
        for table in tables:
            await pipeline.rows(f"UPDATE {table} SET tenant_id = $1", home)


async def test_many_assistants_at_once(gateway: Gateway, source_id: str) -> None:
    async def work(mode: str) -> int:
        async with assistant(gateway.url, mode) as client:
            found = answered(await client.call_tool("list_documents", {"source_id": source_id}))
            parts = [
                answered(await client.call_tool("read_document", {"document_id": item["id"]}))
                for item in found["items"]
            ]
            return sum(len(part["items"]) for part in parts)

    pieces = await asyncio.gather(*(work(MODES[number % 2]) for number in range(20)))
    assert set(pieces) == {6}


async def test_more_requests_than_there_is_room_for_are_told_when_to_come_back(
    gateway: Gateway, pipeline: Pipeline, source_id: str
) -> None:
    async def ask() -> int:
        answer = await gateway.client.call("POST", "/mcp", json=call("list_sources"), headers=HEADERS)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
            assert answer.body["code"] == "busy"
        return answer.status

    async with held(pipeline):
        asked = [asyncio.create_task(ask()) for _ in range(48)]
        await until(lambda: _some_done(asked, 8), "those for whom there is no room are refused")
    statuses = await asyncio.gather(*asked)
    assert statuses.count(503) == 8
    assert statuses.count(200) == 40


async def _some_done(tasks: list[asyncio.Task[int]], at_least: int) -> bool:
    return sum(task.done() for task in tasks) >= at_least


async def test_a_client_that_vanishes_ends_its_work(
    gateway: Gateway, pipeline: Pipeline, source_id: str
) -> None:
    before = len([line for line in gateway.lines() if line.get("outcome") == "cancelled"])
    async with aiohttp.ClientSession() as session, held(pipeline):
        asking = asyncio.create_task(
            session.post(f"{gateway.url}/mcp", json=call("list_sources"), headers=HEADERS)
        )

        async def waits() -> bool:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sources'::regclass"
            return bool(await pipeline.value(waiting))

        await until(waits, "the tool waits for Postgres")
        asking.cancel()

        async def ended() -> bool:
            lines = [line for line in gateway.lines() if line.get("outcome") == "cancelled"]
            return len(lines) == before + 1

        await until(ended, "the tool was cancelled while nobody could read", seconds=8)
    async with assistant(gateway.url) as client:
        assert answered(await client.call_tool("list_sources", {}))["total"] == 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": message("ping"), "headers": HEADERS | {"Origin": "http://evil.test"}}, 403),
        ({"json": message("ping"), "headers": HEADERS | {"Origin": "null"}}, 403),
        ({"json": message("ping"), "headers": HEADERS | {"Origin": "app://friend"}}, 200),
        ({"json": message("ping"), "headers": HEADERS | {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"json": message("ping"), "headers": HEADERS | {"MCP-Protocol-Version": "1999-01-01"}}, 400),
        ({"json": message("ping"), "headers": HEADERS | {"Accept": "text/html"}}, 406),
        ({"json": message("ping"), "headers": HEADERS | {"Content-Type": "text/plain"}}, 400),
        ({"json": message("ping"), "headers": HEADERS | {"Content-Encoding": "gzip"}}, 415),
        ({"data": b"{", "headers": HEADERS}, 400),
        ({"data": b"[" * 100_000, "headers": HEADERS}, 400),
        ({"data": b"\xff\xfe", "headers": HEADERS}, 400),
        ({"data": b" " * 300_001, "headers": HEADERS}, 413),
        ({"json": [message("ping"), message("ping")], "headers": HEADERS}, 400),
        ({"json": {"jsonrpc": "2.0", "method": "notifications/initialized"}, "headers": HEADERS}, 202),
        ({"json": message("ping"), "headers": HEADERS}, 200),
    ],
)
async def test_what_is_no_request_of_an_assistant(
    gateway: Gateway, options: dict[str, Any], status: int
) -> None:
    answer = await gateway.client.call("POST", "/mcp", **options)
    assert answer.status == status, answer
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "quern"
    assert "Mcp-Session-Id" not in answer.headers


async def test_there_are_no_streams_and_no_sessions(gateway: Gateway) -> None:
    for method in ("GET", "DELETE", "PUT"):
        answer = await gateway.client.call(method, "/mcp", headers={"Accept": "text/event-stream"})
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_calls_are_measured_and_logged(gateway: Gateway, client: McpClient) -> None:
    await client.call_tool("list_sources", {})
    await client.call_tool("list_sources", {"limit": 0})
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.admin_url}/metrics") as response:
        text = await response.text()
    counts = [line for line in text.splitlines() if line.startswith("quern_mcp_tool_duration_seconds_count{")]
    for outcome in ("ok", "validation_error"):
        assert [c for c in counts if 'tool="list_sources"' in c and f'outcome="{outcome}"' in c]
    line = await gateway.logged("tool_called", tool="list_sources", outcome="ok")
    assert line["request_id"]


async def test_sigterm_lets_a_call_end(
    module_database: Database, pipeline: Pipeline, source_id: str, tmp_path: Path
) -> None:
    settings = environment(database_url=module_database.service_url, data_dir=tmp_path)
    gateway = await Gateway.start(tmp_path / "log", settings)
    async with assistant(gateway.url) as client:
        await client.list_tools()
        async with held(pipeline):
            asking = asyncio.create_task(client.call_tool("list_sources", {}))

            async def waits() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sources'::regclass"
                return bool(await pipeline.value(waiting))

            await until(waits, "the tool waits for Postgres")
            gateway.terminate()
            await gateway.logged("service_stopping")
        assert answered(await asking)["total"] == 1
    assert await gateway.stop() == 0


async def test_the_sdk_is_loaded_by_the_first_request_alone(
    module_database: Database, source_id: str, tmp_path: Path
) -> None:
    settings = environment(database_url=module_database.service_url, data_dir=tmp_path)
    gateway = await Gateway.start(tmp_path / "log", settings)
    before = await gateway.resident_kib()
    async with assistant(gateway.url) as client:
        assert answered(await client.call_tool("list_sources", {}))["total"] == 1
    assert await gateway.resident_kib() > before + 15_000
    assert await gateway.stop() == 0
