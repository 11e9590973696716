"""Webhooks over HTTP, from real rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from shared.clock import new_id
from shared.signatures import read_secret
from support.gateways import Gateway, environment
from support.pipeline import Pipeline
from support.receivers import receiving
from support.webhooks import Hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.client import Client, Json
    from support.databases import Database

URL = "https://hooks.example.org/quern?key=1"
OWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
async def gateway(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    settings = environment(database_url=module_database.service_url, data_dir=directory)
    running = await Gateway.start(
        directory / "log",
        {**settings, "QUERN_WEBHOOKS_PER_TENANT": "4", "QUERN_RESOLVE_TIMEOUT_SECONDS": "0.5"},
    )
    yield running
    assert await running.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client


@pytest.fixture(scope="module")
async def pipeline(module_database: Database) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.open(module_database.service_url)
    yield pipeline
    await pipeline.close()


@pytest.fixture(autouse=True)
async def nothing_before(pipeline: Pipeline) -> None:
    await pipeline.rows("DELETE FROM webhook_deliveries")
    await pipeline.rows("DELETE FROM webhooks")


async def add(client: Client, **body: Any) -> Json:
    made: Json = await client.post("/v1/webhooks", {"url": URL, **body}, status=201)
    return made


async def test_a_secret_is_shown_once_and_kept_sealed(
    client: Client, pipeline: Pipeline, gateway: Gateway
) -> None:
    made = await add(client)
    secret = made["secret"]
    assert len(read_secret(secret)) == 32
    assert made["events"] == ["run.succeeded", "run.failed", "run.cancelled", "run.skipped"]
    assert (made["url"], made["active"], made["paused_at"]) == (URL, True, None)
    shown = await client.get(f"/v1/webhooks/{made['id']}")
    assert shown == made | {"secret": "whsec_***"}
    assert (await client.get("/v1/webhooks"))["items"] == [shown]
    changed = await client.call("PATCH", f"/v1/webhooks/{made['id']}", json={"description": "Chat"})
    assert (changed.body["secret"], changed.body["description"]) == ("whsec_***", "Chat")
    kept = bytes(await pipeline.value("SELECT secret FROM webhooks"))
    assert secret.removeprefix("whsec_").encode() not in kept
    assert read_secret(secret) not in kept
    assert Hooks(pipeline).sealer.open(kept, about=made["id"]) == secret
    audit = await pipeline.rows("SELECT * FROM audit_log")
    assert secret not in repr([dict(row) for row in audit])
    assert secret not in gateway.raw_log()


async def test_a_secret_may_be_given_and_replaced(client: Client) -> None:
    made = await add(client, secret=OWN)
    assert made["secret"] == OWN
    replaced = await client.post(f"/v1/webhooks/{made['id']}/secret", status=200)
    assert replaced["secret"] not in (OWN, "whsec_***")
    assert replaced["previous_secret_until"] is not None
    again = await client.post(f"/v1/webhooks/{made['id']}/secret", {"secret": OWN}, status=200)
    assert again["secret"] == OWN
    revoked = await client.post(f"/v1/webhooks/{made['id']}/secret", {"revoke": True}, status=200)
    assert revoked["previous_secret_until"] is None
    await client.refused(
        "POST",
        f"/v1/webhooks/{made['id']}/secret",
        json={"secret": "whsec_short"},
        status=422,
        code="validation_error",
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://hooks.example.org/"},
        {"url": "https://user:pass@hooks.example.org/"},
        {"url": ""},
        {"url": URL, "events": []},
        {"url": URL, "events": ["run.started"]},
        {"url": URL, "secret": "letmein"},
        {"url": URL, "secret": ""},
        {"url": URL, "description": "x" * 201},
        {"url": URL, "headers": {}},
        {"url": URL, "active": None},
    ],
)
async def test_what_cannot_be_used_is_refused(client: Client, body: Json) -> None:
    refused = await client.refused("POST", "/v1/webhooks", json=body, status=422, code="validation_error")
    assert "letmein" not in str(refused)


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "169.254.169.254", "0x0a.1", "192.168.1.1:8443"])
async def test_an_address_inside_is_refused(client: Client, host: str) -> None:
    body = {"url": f"http://{host}/"}
    await client.refused("POST", "/v1/webhooks", json=body, status=422, code="blocked_address")
    made = await add(client)
    await client.refused("PATCH", f"/v1/webhooks/{made['id']}", json=body, status=422, code="blocked_address")


async def test_a_tenant_has_so_many_and_no_more_whatever_comes_at_once(client: Client) -> None:
    answers = await asyncio.gather(
        *(client.call("POST", "/v1/webhooks", json={"url": URL}) for _ in range(8))
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] * 4 + [409] * 4
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"too_many_webhooks"}
    found = await client.get("/v1/webhooks", limit=3)
    assert (len(found["items"]), found["total"]) == (3, 4)
    gone = found["items"][0]["id"]
    assert (await client.call("DELETE", f"/v1/webhooks/{gone}")).status == 204
    await client.refused("DELETE", f"/v1/webhooks/{gone}", status=404, code="not_found")
    await client.refused("GET", f"/v1/webhooks/{gone}", status=404, code="not_found")
    assert (await client.get("/v1/webhooks"))["total"] == 3
    await add(client)


async def test_a_change_keeps_what_is_left_out(client: Client) -> None:
    made = await add(client, description="Chat", events=["run.failed", "run.failed"])
    assert made["events"] == ["run.failed"]
    path = f"/v1/webhooks/{made['id']}"
    changed = (await client.call("PATCH", path, json={"active": False, "url": "https://x.example.org"})).body
    different = {key for key in made if made[key] != changed[key]}
    assert different == {"active", "url", "updated_at", "secret"}
    await client.refused("PATCH", path, json={"url": None}, status=422, code="validation_error")
    await client.refused("POST", f"{path}/test", status=409, code="webhook_inactive")


async def test_deliveries_are_listed_shown_and_sent_again(client: Client, pipeline: Pipeline) -> None:
    async with receiving() as receiver:
        made = await add(client, url=receiver.url)
        path = f"/v1/webhooks/{made['id']}/deliveries"
        sent = await client.post(f"/v1/webhooks/{made['id']}/test", status=202)
        assert (sent["status"], sent["event"], sent["tries"]) == ("waiting", "webhook.ping", [])
        receiver.answers["/"] = [500]
        async with Hooks(pipeline).sending() as sending:
            await sending.turn()
            shown = await client.get(f"{path}/{sent['id']}")
            assert (shown["status"], shown["attempts"]) == ("waiting", 1)
            assert shown["next_attempt_at"] is not None
            (tried,) = shown["tries"]
            assert (tried["http_status"], tried["error_code"], tried["response"]) == (
                500,
                "http_error",
                "said",
            )
            assert (await client.get(path))["items"] == [shown]
            assert (await client.get(path, status="waiting"))["total"] == 1
            assert (await client.get(path, status="dead"))["total"] == 0
            again = await client.post(f"{path}/{sent['id']}/redeliver", status=202)
            assert (again["status"], again["redeliveries"]) == ("waiting", 1)
            await sending.turn()
        assert (await client.get(f"{path}/{sent['id']}"))["status"] == "delivered"
        assert [message.id for message in receiver.messages] == [sent["id"]] * 2
        assert receiver.messages[-1].is_signed_by(made["secret"])


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    made, nobody = await add(client), new_id()
    for method, path in (
        ("GET", f"/v1/webhooks/{nobody}"),
        ("PATCH", f"/v1/webhooks/{nobody}"),
        ("DELETE", f"/v1/webhooks/{nobody}"),
        ("POST", f"/v1/webhooks/{nobody}/secret"),
        ("POST", f"/v1/webhooks/{nobody}/test"),
        ("GET", f"/v1/webhooks/{nobody}/deliveries"),
        ("GET", f"/v1/webhooks/{made['id']}/deliveries/{nobody}"),
        ("POST", f"/v1/webhooks/{made['id']}/deliveries/{nobody}/redeliver"),
    ):
        body: Json = {"json": {}} if method == "PATCH" else {}
        await client.refused(method, path, status=404, code="not_found", **body)


async def test_another_tenants_webhook_is_not_there(client: Client, pipeline: Pipeline) -> None:
    made = await add(client)
    sent = await client.post(f"/v1/webhooks/{made['id']}/test", status=202)
    other = new_id()
    await pipeline.rows("INSERT INTO tenants (id, slug, name) VALUES ($1, $2, 'Other')", other, f"t-{other}")
    await pipeline.rows("UPDATE webhooks SET tenant_id = $1", other)
    await pipeline.rows("UPDATE webhook_deliveries SET tenant_id = $1", other)
    assert (await client.get("/v1/webhooks"))["total"] == 0
    path = f"/v1/webhooks/{made['id']}"
    for method, below in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/secret"),
        ("GET", "/deliveries"),
        ("GET", f"/deliveries/{sent['id']}"),
        ("POST", f"/deliveries/{sent['id']}/redeliver"),
    ):
        await client.refused(method, path + below, status=404, code="not_found")


async def test_without_a_key_no_webhook_is_made(module_database: Database, tmp_path: Path) -> None:
    settings = environment(database_url=module_database.service_url, data_dir=tmp_path)
    running = await Gateway.start(tmp_path / "log", {**settings, "QUERN_SEAL_KEYS": ""})
    try:
        refused = await running.client.refused(
            "POST", "/v1/webhooks", json={"url": URL}, status=409, code="no_seal_key"
        )
        assert "QUERN_SEAL_KEYS" in refused["detail"]
        assert (await running.client.get("/v1/webhooks"))["total"] == 0
    finally:
        assert await running.stop() == 0
