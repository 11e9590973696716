"""Messages that nobody can understand are kept for a person, once, and hold nobody up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth
    from support.sites import TestSite

CHANNELS = {"ingest.task": "worker", "ingest.result": "result-consumer", "source.delete": "janitor"}


def garbage() -> list[bytes]:
    """Each with an id of its own, so that a test finds its own rows."""
    mark = str(new_id())
    return [
        f"not JSON {mark}".encode(),
        b"\xff\xfe\x00" + mark.encode(),
        json.dumps({"v": 2, "job_id": mark}).encode(),
        json.dumps({"v": 1, "job_id": mark, "surprise": True}).encode(),
        json.dumps([mark]).encode(),
    ]


@pytest.mark.parametrize("topic", CHANNELS)
async def test_garbage_is_kept_once_for_a_person(quern: Client, truth: Truth, topic: str) -> None:
    bodies = garbage()
    dead = await truth.messages("ingest.dead")
    for body in bodies:
        await truth.publish(topic, body)

    async def kept() -> bool:
        return len(await rows()) >= len(bodies)

    async def rows() -> list[tuple[str, str, bytes]]:
        found = await truth.rows(
            "SELECT topic, channel, body, reason FROM dead_messages WHERE body = ANY ($1)", bodies
        )
        assert all(row["reason"] for row in found)
        return [(row["topic"], row["channel"], row["body"]) for row in found]

    await until(kept, "all of it is kept")
    assert sorted(await rows()) == sorted((topic, CHANNELS[topic], body) for body in bodies)
    assert await truth.messages("ingest.dead") == dead + len(bodies)


async def test_what_belongs_to_nobody_is_dropped_without_a_trace(quern: Client, truth: Truth) -> None:
    known = await truth.value("SELECT count(*) FROM dead_messages")
    nobody = {
        "v": 1,
        "job_id": str(new_id()),
        "epoch": 1,
        "tenant_id": str(new_id()),
        "handler": "web",
        "payload": {},
    }
    await truth.publish("ingest.task", json.dumps(nobody | {"attempt": 1}).encode())
    await truth.publish("ingest.result", json.dumps(nobody | {"skipped": "scope"}).encode())
    gone = {"v": 1, "source_id": str(new_id()), "tenant_id": str(new_id())}
    await truth.publish("source.delete", json.dumps(gone).encode())

    async def settled() -> bool:
        return await truth.waiting() == 0

    await until(settled, "every message is settled")
    assert await truth.value("SELECT count(*) FROM dead_messages") == known
    await truth.converged()


async def test_services_go_on_afterwards(quern: Client, truth: Truth, site: TestSite) -> None:
    for topic in CHANNELS:
        for body in garbage():
            await truth.publish(topic, body)
    site.page("/", site_fixtures.page("Still", ("Here", "The lighthouse still turns.")))
    source_id = await quern.crawl(site.url("/"))
    assert len(await quern.search("lighthouse", mode="keyword", source_ids=[source_id])) == 1
    await quern.delete(source_id)
    await truth.converged()
