"""Other systems are told when runs end: over the whole product, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from quern import SignatureError, verify_webhook
from support import site_fixtures
from support.client import Client, until
from support.fatal_stack import FragileStack
from support.receivers import receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import aiohttp

    from support.client import Json
    from support.receivers import Receiver
    from support.sites import TestSite
    from support.stacks import StackUnderTest

RECOVERY_SECONDS = 60.0


@pytest.fixture(scope="module")
def fragile(
    make_stack: Callable[..., StackUnderTest],
    stack_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FragileStack]:
    """A stack whose janitor dies where it is asked for."""
    made = FragileStack(
        make_stack(environment=stack_environment, workers=1, consumers=1), tmp_path_factory.mktemp("fatal")
    )
    made.up()
    yield made
    made.stack.down()


@pytest.fixture(scope="module")
def quern(fragile: FragileStack, http: aiohttp.ClientSession) -> Client:
    return Client(http, fragile.stack.gateway_url)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def hook(quern: Client, receiver: Receiver) -> AsyncIterator[Json]:
    """A webhook that is told everything."""
    made: Json = await quern.post("/v1/webhooks", {"url": f"{receiver.url}/"}, status=201)
    yield made
    await quern.call("DELETE", f"/v1/webhooks/{made['id']}")


async def delivered(quern: Client, hook: Json, delivery_id: str) -> Json:
    async def look() -> Json | None:
        found: Json = await quern.get(f"/v1/webhooks/{hook['id']}/deliveries/{delivery_id}")
        return found if found["status"] == "delivered" else None

    found: Json = await until(look, "the delivery is noted", seconds=RECOVERY_SECONDS)
    return found


async def test_a_crawl_that_ends_is_told_with_a_signature(
    quern: Client, receiver: Receiver, hook: Json, site: TestSite
) -> None:
    site_fixtures.manual(site)
    source = await quern.post("/v1/sources", {"type": "web", "url": site.url("/")}, status=201)
    (message,) = await receiver.got(1, seconds=RECOVERY_SECONDS)
    assert verify_webhook(hook["secret"], message.headers, message.body) == message.id
    with pytest.raises(SignatureError):
        verify_webhook(hook["secret"], message.headers, message.body + b" ")
    run = await quern.get(f"/v1/ingestion-runs/{source['run']['id']}")
    told = message.json["data"]["run"]
    assert message.json["type"] == "run.succeeded"
    assert (told["id"], told["status"], told["finished_at"]) == (run["id"], "succeeded", run["finished_at"])
    assert told["progress"] | {"percent": 100} == run["progress"]
    found = await delivered(quern, hook, message.id)
    assert (found["run_id"], found["payload"]) == (run["id"], message.json)


async def test_a_file_that_cannot_be_read_is_told(
    quern: Client, receiver: Receiver, hook: Json, group: str
) -> None:
    uploaded = await quern.upload("broken.pdf", b"%PDF-1.7 broken", group_id=group)
    (message,) = await receiver.got(1, seconds=RECOVERY_SECONDS)
    told = message.json["data"]["run"]
    assert (message.json["type"], told["id"], told["error_code"]) == (
        "run.failed",
        uploaded.run_id,
        "corrupt_file",
    )
    assert verify_webhook(hook["secret"], message.headers, message.body) == message.id


async def test_a_janitor_that_is_killed_between_sending_and_noting_sends_again_with_the_same_id(
    fragile: FragileStack, quern: Client, receiver: Receiver, hook: Json, group: str
) -> None:
    fragile.arm("webhook_sent")
    await quern.upload("note.md", b"# Note\n\nA note about kettles.", group_id=group)
    assert await fragile.killed("webhook_sent") == "janitor"
    (first,) = receiver.messages
    again = (await receiver.got(2, seconds=RECOVERY_SECONDS))[1]
    assert (first.id, first.body) == (again.id, again.body)
    found = await delivered(quern, hook, first.id)
    assert (found["attempts"], len(receiver.messages)) == (1, 2)
    assert verify_webhook(hook["secret"], again.headers, again.body) == first.id


async def test_a_receiver_that_is_away_is_tried_again_and_nothing_else_waits(
    quern: Client, receiver: Receiver, hook: Json, group: str
) -> None:
    async with receiving() as closed:
        away = await quern.post("/v1/webhooks", {"url": closed.url}, status=201)
    await quern.upload("other.md", b"# Other\n\nA note about lids.", group_id=group)
    (message,) = await receiver.got(1, seconds=RECOVERY_SECONDS)
    await delivered(quern, hook, message.id)

    async def tried() -> Json | None:
        (found,) = (await quern.get(f"/v1/webhooks/{away['id']}/deliveries"))["items"]
        return found if found["attempts"] >= 2 else None

    found = await until(tried, "the one that is away was tried again", seconds=RECOVERY_SECONDS)
    assert {one["error_code"] for one in found["tries"]} == {"unreachable"}
    await quern.call("DELETE", f"/v1/webhooks/{away['id']}")


async def test_the_command_line_makes_tests_and_removes_webhooks(
    fragile: FragileStack, receiver: Receiver
) -> None:
    async def run(*words: str) -> tuple[int, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "quern", "webhooks", *words, "--json"),
            env={**os.environ, "QUERN_URL": fragile.stack.gateway_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(RECOVERY_SECONDS):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, json.loads(out or err)

    code, made = await run("add", receiver.url, "--event", "run.failed")
    assert (code, made["events"]) == (0, ["run.failed"])
    code, sent = await run("test", made["id"])
    assert (code, sent["status"]) == (0, "delivered")
    receiver.answers["/"] = [500]
    code, sent = await run("redeliver", made["id"], sent["id"])
    assert (code, sent["tries"][-1]["http_status"]) == (4, 500)
    code, listed = await run("deliveries", made["id"])
    assert (code, listed["items"][0]["id"]) == (0, sent["id"])
    code, listed = await run("list")
    assert made["id"] in {item["id"] for item in listed["items"]}
    code, changed = await run("change", made["id"], "--off")
    assert (code, changed["active"]) == (0, False)
    code, refused = await run("test", made["id"])
    assert (code, refused["error"]["code"]) == (1, "webhook_inactive")
    code, _ = await run("delete", made["id"])
    assert code == 0
