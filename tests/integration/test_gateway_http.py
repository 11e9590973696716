"""The public face of the gateway: what it takes, what it refuses and how it says so."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from support.client import until
from support.gateways import Gateway, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.client import Client
    from support.databases import Database
    from support.servers import NsqdServer

NOBODY = "01930000-0000-7000-8000-ffffffffffff"
SECRET = "s3cr3t-of-the-site"


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, nsqd: NsqdServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory, nsqd=nsqd)
    running = await Gateway.start(directory / "log", settings)
    yield running
    assert await running.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client


def site(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "web", "url": f"http://127.0.0.1:1/{number}/"} | more


async def add(client: Client, number: int, **more: Any) -> dict[str, Any]:
    added: dict[str, Any] = await client.post("/v1/sources", site(number, **more), status=201)
    return added


async def send(gateway: Gateway, data: bytes) -> bytes:
    """Raw bytes to the public port; what comes back until the connection is closed."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_site_is_added_with_a_run_that_can_be_read(client: Client) -> None:
    added = await add(client, 1, name="One", crawl={"max_depth": 1})
    source, run = added["source"], added["run"]
    assert (source["name"], source["status"], source["type"]) == ("One", "queued", "web")
    assert source["last_run"] == {"id": run["id"], "status": "queued", "finished_at": None}
    assert (run["status"], run["source_id"], run["type"]) == ("queued", source["id"], "crawler")
    assert run["progress"] == {
        "total": 1,
        "succeeded": 0,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "percent": 0,
    }
    assert await client.get(f"/v1/sources/{source['id']}") == source
    shown = await client.get(f"/api/ingestion-runs/{run['id']}")
    assert {key: shown[key] for key in ("id", "status", "config")} == {
        key: run[key] for key in ("id", "status", "config")
    }
    [page] = (await client.get(f"/v1/jobs/{run['id']}/children"))["items"]
    assert (page["type"], page["parent_id"], page["handler"]) == ("page", run["id"], "web")


async def test_an_accepted_job_is_announced(client: Client, nsqd: NsqdServer) -> None:
    run = (await add(client, 2))["run"]
    async with aiohttp.ClientSession() as session:

        async def announced() -> bool:
            async with session.get(f"{nsqd.http}/stats?format=json&topic=ingest.task") as answer:
                return bool((await answer.json())["topics"][0]["message_count"])

        await until(announced, "a task is published")

    async def waits() -> bool:
        return bool((await client.get(f"/v1/jobs/{run['id']}"))["waiting_for"] == "worker")

    await until(waits, "the run waits for a worker")


async def test_the_same_url_is_one_source(client: Client) -> None:
    source = (await add(client, 3))["source"]
    again = await client.refused(
        "POST",
        "/v1/sources",
        json=site(3, url="http://127.0.0.1:1/x/../3/?utm_source=mail#top"),
        status=409,
        code="source_exists",
    )
    assert again["source_id"] == source["id"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1/", "blocked_address"),
        ("http://0xa.1/", "blocked_address"),
        ("http://[::ffff:10.0.0.1]/", "blocked_address"),
        ("http://169.254.169.254/latest/", "blocked_address"),
        ("ftp://example.org/", "validation_error"),
        ("http://user:pw@example.org/", "validation_error"),
        ("nonsense", "validation_error"),
    ],
)
async def test_an_address_that_may_not_be_crawled_is_refused(client: Client, url: str, code: str) -> None:
    await client.refused("POST", "/v1/sources", json={"type": "web", "url": url}, status=422, code=code)


async def test_a_host_that_does_not_resolve_is_accepted(client: Client) -> None:
    added = await client.post("/v1/sources", {"type": "web", "url": "http://nowhere.invalid/"}, status=201)
    assert added["run"]["status"] == "queued"


async def test_values_of_headers_are_shown_nowhere(client: Client, gateway: Gateway) -> None:
    added = await add(client, 4, crawl={"headers": {"X-Key": SECRET}})
    source_id = added["source"]["id"]
    assert added["source"]["crawl"]["headers"] == {"X-Key": "***"}
    answers = [
        str(added),
        str(await client.get(f"/v1/sources/{source_id}")),
        str(await client.get("/v1/sources")),
        str(await client.get(f"/v1/ingestion-runs/{added['run']['id']}")),
        str(await client.get(f"/v1/jobs/{added['run']['id']}/children")),
    ]
    changed = await client.call(
        "PATCH", f"/v1/sources/{source_id}", json={"crawl": {"headers": {"X-New": SECRET}}}
    )
    assert changed.body["crawl"]["headers"] == {"X-New": "***"}
    assert SECRET not in "".join(answers) + gateway.raw_log()


async def test_a_source_is_changed_field_by_field(client: Client) -> None:
    source_id = (await add(client, 5, crawl={"include": ["/a"], "max_depth": 1}))["source"]["id"]
    group = await client.post("/v1/groups", {"name": "five"}, status=201)
    body = {"name": "Five", "group_id": group["id"], "crawl": {"max_depth": 4}}
    changed = (await client.call("PATCH", f"/v1/sources/{source_id}", json=body)).body
    assert (changed["name"], changed["group_id"]) == ("Five", group["id"])
    assert (changed["crawl"]["max_depth"], changed["crawl"]["include"]) == (4, ["/a"])
    in_group = await client.get("/v1/sources", group_id=group["id"])
    assert [item["id"] for item in in_group["items"]] == [source_id]
    await client.refused("DELETE", f"/v1/groups/{group['id']}", status=409, code="group_in_use")


async def test_sources_are_found_by_part_of_their_name_whatever_it_holds(client: Client) -> None:
    first = (await add(client, 61, name="100% sure_thing"))["source"]["id"]
    await add(client, 62, name="1000 sureXthing")
    for text in ("100% SURE_", "0% s"):
        found = await client.get("/v1/sources", q=text)
        assert [item["id"] for item in found["items"]] == [first]
    assert (await client.get("/v1/sources", q="no such thing"))["items"] == []


async def test_a_source_with_a_run_is_deleted_only_by_force_and_once(client: Client) -> None:
    added = await add(client, 7)
    path = f"/v1/sources/{added['source']['id']}"
    refused = await client.refused("DELETE", path, status=409, code="ingest_in_progress")
    assert refused["run_id"] == added["run"]["id"]
    answer = await client.call("DELETE", path, params={"force": "true"})
    assert (answer.status, answer.body) == (202, {"id": added["source"]["id"], "status": "deleting"})
    await client.refused("DELETE", path, status=404, code="not_found")
    assert (await client.get(path))["status"] == "deleting"
    assert (await client.get(f"/v1/jobs/{added['run']['id']}"))["status"] == "cancelled"
    deleting = await client.get("/v1/sources", status="deleting")
    assert added["source"]["id"] in [item["id"] for item in deleting["items"]]
    assert (await add(client, 7))["source"]["id"] != added["source"]["id"]
    for method, below in (("POST", "/sync"), ("PATCH", "")):
        await client.refused(method, path + below, json={}, status=404, code="not_found")


async def test_groups_are_made_renamed_and_removed(client: Client) -> None:
    group = await client.post("/v1/groups", {"name": " docs "}, status=201)
    assert (group["name"], group["sources"]) == ("docs", 0)
    await client.refused("POST", "/v1/groups", json={"name": "docs"}, status=409, code="group_exists")
    other = await client.post("/v1/groups", {"name": "other"}, status=201)
    path = f"/v1/groups/{group['id']}"
    await client.refused("PATCH", path, json={"name": "other"}, status=409, code="group_exists")
    renamed = await client.call("PATCH", path, json={"name": "manuals"})
    assert (renamed.status, renamed.body["name"]) == (200, "manuals")
    assert other["id"] in [item["id"] for item in (await client.get("/v1/groups"))["items"]]
    assert (await client.call("DELETE", path)).status == 204
    await client.refused("GET", path, status=404, code="not_found")
    await client.refused("DELETE", path, status=404, code="not_found")


async def test_a_group_that_only_deleted_sources_were_in_can_be_removed(
    client: Client, module_database: Database
) -> None:
    import asyncpg  # noqa: PLC0415  (the janitor's part, done by hand)

    group = await client.post("/v1/groups", {"name": "short-lived"}, status=201)
    added = await add(client, 8, group_id=group["id"])
    assert (await client.call("DELETE", f"/v1/sources/{added['source']['id']}?force=true")).status == 202
    await client.refused("DELETE", f"/v1/groups/{group['id']}", status=409, code="group_in_use")
    connection = await asyncpg.connect(module_database.owner_url)
    await connection.execute(
        "UPDATE sources SET status = 'deleted', deleted_at = now() WHERE id = $1", added["source"]["id"]
    )
    await connection.close()
    assert (await client.call("DELETE", f"/v1/groups/{group['id']}")).status == 204
    await client.refused("GET", f"/v1/sources/{added['source']['id']}", status=404, code="not_found")


async def test_a_crawler_job_is_a_crawl(client: Client) -> None:
    body = {"type": "crawler", "payload": {"url": "http://127.0.0.1:1/job/", "depth": 0}}
    first = await client.post("/v1/jobs", body, status=202)
    run = await client.get(f"/v1/ingestion-runs/{first['job_id']}")
    assert run["config"]["max_depth"] == 0
    again = await client.post("/api/jobs/start", body, status=202)
    assert again["job_id"] != first["job_id"]
    runs = await client.get("/v1/ingestion-runs", source_id=run["source_id"])
    assert [item["id"] for item in runs["items"]] == [again["job_id"], first["job_id"]]
    assert (await client.get(f"/v1/jobs/{again['job_id']}"))["waiting_for"] == "earlier_version"


async def test_jobs_are_cancelled_run_again_copied_and_removed(client: Client) -> None:
    run_id = (await add(client, 9))["run"]["id"]
    path = f"/v1/jobs/{run_id}"
    await client.refused("DELETE", path, status=409, code="job_active")
    await client.post(f"{path}/cancel", status=202)
    await client.refused("POST", f"{path}/cancel", status=409, code="already_finished")
    await client.refused("POST", f"{path}/retry", status=409, code="not_failed")
    again = await client.post(f"{path}/rerun", status=201)
    assert again["job_id"] != run_id
    copy = await client.post(
        f"{path}/copy", {"payload": {"url": "http://127.0.0.1:1/copy/", "depth": 5}}, status=201
    )
    copied = await client.get(f"/v1/ingestion-runs/{copy['job_id']}")
    assert copied["config"]["max_depth"] == 5
    await client.refused(
        "POST", f"{path}/copy", json={"payload": {"secret": 1}}, status=422, code="validation_error"
    )
    assert (await client.call("DELETE", path)).status == 204
    await client.refused("GET", path, status=404, code="not_found")
    ledger = await client.get("/v1/system/ledger")
    assert ledger["balanced"] is True


@pytest.mark.parametrize("kind", ["summarizer", "cleanup", "reembed", "nonsense"])
async def test_other_types_of_jobs_are_unknown(client: Client, kind: str) -> None:
    body = {"type": kind, "payload": {}}
    await client.refused("POST", "/v1/jobs", json=body, status=422, code="unknown_job_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1/sources/"),
        ("GET", "/metrics"),
        ("POST", "/v1/auth/login"),
        ("GET", "/v1/tokens"),
        ("GET", "/v1/users"),
        ("GET", "/v1/tenants"),
        ("GET", "/v1/audit"),
        ("POST", "/v1/sources/reembed"),
        ("GET", f"/v1/groups/{NOBODY}/preferences"),
        ("POST", "/mcp"),
        ("GET", f"/v1/sources/{NOBODY}"),
        ("PATCH", f"/v1/sources/{NOBODY}"),
        ("DELETE", f"/v1/sources/{NOBODY}"),
        ("POST", f"/v1/sources/{NOBODY}/sync"),
        ("GET", f"/v1/sources/{NOBODY}/pages"),
        ("GET", f"/v1/sources/{NOBODY}/columns"),
        ("GET", f"/v1/documents/{NOBODY}"),
        ("GET", f"/v1/documents/{NOBODY}/content"),
        ("GET", f"/v1/documents/{NOBODY}/chunks"),
        ("GET", f"/v1/ingestion-runs/{NOBODY}"),
        ("GET", f"/v1/ingestion-runs/{NOBODY}/events"),
        ("GET", f"/v1/jobs/{NOBODY}"),
        ("GET", f"/v1/jobs/{NOBODY}/children"),
        ("GET", f"/v1/jobs/{NOBODY}/logs"),
        ("POST", f"/v1/jobs/{NOBODY}/cancel"),
        ("POST", f"/v1/jobs/{NOBODY}/retry"),
        ("POST", f"/v1/jobs/{NOBODY}/rerun"),
        ("POST", f"/v1/jobs/{NOBODY}/copy"),
        ("DELETE", f"/v1/jobs/{NOBODY}"),
    ],
)
async def test_what_is_not_there_is_not_found(client: Client, method: str, path: str) -> None:
    body: dict[str, Any] | None = {} if method in {"POST", "PATCH"} else None
    await client.refused(method, path, json=body, status=404, code="not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/sources", "GET, HEAD, POST"),
        ("GET", "/v1/search", "POST"),
        ("POST", "/v1/jobs/failed", "GET, HEAD"),
        ("OPTIONS", "/v1/stats", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_another_method_is_refused_with_those_that_there_are(
    client: Client, method: str, path: str, allow: str
) -> None:
    answer = await client.call(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert answer.body["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/v1/jobs/nope", "/v1/sources/1", "/v1/ingestion-runs/failed"])
async def test_what_is_no_id_is_refused(client: Client, path: str) -> None:
    await client.refused("GET", path, status=422, code="validation_error")


async def test_a_body_must_be_json_of_a_bounded_size(client: Client) -> None:
    await client.refused("POST", "/v1/search", data=b"nope", status=400, code="malformed_json")
    await client.refused("POST", "/v1/search", data=b"", status=400, code="malformed_json")
    large = io.BytesIO(b'{"query": "' + b"x" * 1_100_000 + b'"}')
    await client.refused("POST", "/v1/search", data=large, status=413, code="too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    await client.refused("POST", "/v1/search", data=chunks(), status=413, code="too_large")
    await client.refused(
        "POST",
        "/v1/search",
        data=b"x",
        headers={"Content-Encoding": "gzip"},
        status=415,
        code="unsupported_type",
    )


async def test_a_request_id_is_taken_echoed_and_logged(client: Client, gateway: Gateway) -> None:
    answer = await client.call("GET", "/v1/nothing", headers={"X-Request-ID": "mine-42"})
    assert answer.headers["X-Request-ID"] == answer.body["request_id"] == "mine-42"
    line = await gateway.logged("request", request_id="mine-42")
    assert (line["status"], line["method"], line["path"]) == (404, "GET", "/v1/nothing")


@pytest.mark.parametrize("given", ["two words", "x" * 200, "<b>", ""])
async def test_a_request_id_that_is_no_plain_word_is_replaced(client: Client, given: str) -> None:
    answer = await client.call("GET", "/v1/stats", headers={"X-Request-ID": given})
    assert answer.status == 200
    assert answer.headers["X-Request-ID"] not in {given, ""}


async def test_the_request_id_stays_with_the_work(client: Client, module_database: Database) -> None:
    import asyncpg  # noqa: PLC0415  (no answer shows it)

    answer = await client.call("POST", "/v1/sources", json=site(10), headers={"X-Request-ID": "work-7"})
    connection = await asyncpg.connect(module_database.owner_url)
    stored = await connection.fetchval("SELECT request_id FROM jobs WHERE id = $1", answer.body["run"]["id"])
    await connection.close()
    assert stored == "work-7"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/stats HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"z" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: nope\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_is_refused_as_a_problem(gateway: Gateway, data: bytes) -> None:
    answer = await send(gateway, data + b"\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400", answer
    assert b"application/problem+json" in head
    assert b'"code":"bad_request"' in body
    assert b"nonsense" not in body


async def test_changes_on_behalf_of_other_sites_are_refused(client: Client) -> None:
    for site_header, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 422), ("none", 422)):
        answer = await client.call("POST", "/v1/groups", json={}, headers={"Sec-Fetch-Site": site_header})
        assert answer.status == status
    answer = await client.call("GET", "/v1/groups", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_head_answers_like_get_without_a_body(client: Client) -> None:
    answer = await client.call("HEAD", "/v1/stats")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert int(answer.headers["Content-Length"]) > 0


async def test_answers_are_not_cached_or_sniffed(client: Client) -> None:
    headers = (await client.call("GET", "/v1/stats")).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_lists_are_paged_with_a_total_and_newest_first(client: Client) -> None:
    for number in range(3):
        await client.post("/v1/groups", {"name": f"page-{number}"}, status=201)
    everything = await client.get("/v1/groups", limit=500)
    assert everything["total"] == len(everything["items"])
    created = [item["created_at"] for item in everything["items"]]
    assert created == sorted(created, reverse=True)
    second = await client.get("/v1/groups", limit=1, offset=1)
    assert second == {
        "items": [everything["items"][1]],
        "total": everything["total"],
        "limit": 1,
        "offset": 1,
    }
    beyond = await client.get("/v1/groups", offset=10_000)
    assert (beyond["items"], beyond["total"]) == ([], everything["total"])


async def test_times_are_rfc_3339_in_utc(client: Client) -> None:
    group = await client.post("/v1/groups", {"name": "when"}, status=201)
    assert group["created_at"].endswith("Z")


async def test_the_description_is_served_and_valid(client: Client) -> None:
    api = await client.get("/v1/openapi.json")
    validate(api, cls=OpenAPIV31SpecValidator)
    assert api == await client.get("/api/openapi.json")


async def test_the_status_page_is_plain_escaped_html(client: Client) -> None:
    await add(client, 11, name="<script>alert(1)</script>")
    answer = await client.call("GET", "/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<script" not in answer.body
    for text in ("Ledger", "postgres", "janitor", "/v1/openapi.json", "Balanced"):
        assert text in answer.body


async def test_metrics_are_on_the_admin_port_alone(client: Client, gateway: Gateway) -> None:
    await client.get("/v1/stats")
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.admin_url}/metrics") as answer:
        text = await answer.text()
    assert 'quern_http_request_duration_seconds_count{method="GET",route="/stats",status="200"}' in text
    assert "/v1/nothing" not in text
    assert NOBODY not in text


async def test_the_system_shows_what_runs_and_what_does_not(client: Client) -> None:
    system = await client.get("/v1/system")
    statuses = {name: part["status"] for name, part in system["components"].items()}
    assert statuses == {
        "postgres": "up",
        "nsqd": "up",
        "weaviate": "down",
        "workers": "down",
        "consumers": "down",
        "janitor": "down",
    }
    assert {"topic", "channel", "depth", "in_flight", "deferred"} == set(system["queues"][0])
    assert system["versions"]["postgres"].startswith("18")
    ready = await client.call("GET", "/readyz")
    assert (ready.status, ready.body["status"]) == (503, "down")
    assert "weaviate" in ready.body["reason"]
    assert await client.get("/healthz") == {"status": "up"}
