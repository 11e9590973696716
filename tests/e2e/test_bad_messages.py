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
        json.dumps({"v": 1, "job_id": mark, "epoch": 10**400}).encode(),
        json.dumps({"v": 1, "job_id": mark, "epoch": "1", "payload": 7}).encode(),
        json.dumps({"v": 1, "\x00\ud800" + mark: 1}).encode(),
        b'{"v": 1, "payload": ' + b"[" * 50_000 + mark.encode(),
        mark.encode() + bytes(range(256)) * 3900,
    ]


def kept_of(bodies: list[bytes]) -> list[bytes]:
    """Of a large one the table has the beginning; the topic has all of it."""
    return [body[: 64 * 1024] for body in bodies]


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
            "SELECT topic, channel, body, reason FROM dead_messages "
            "WHERE body = ANY ($1) AND published_at IS NOT NULL",
            kept_of(bodies),
        )
        assert all(row["reason"] for row in found)
        return [(row["topic"], row["channel"], row["body"]) for row in found]

    await until(kept, "all of it is kept")
    assert sorted(await rows()) == sorted((topic, CHANNELS[topic], body) for body in kept_of(bodies))
    assert await truth.messages("ingest.dead") == dead + len(bodies)


def task_of(job_id: object, **payload: str) -> dict[str, object]:
    return {
        "v": 1,
        "job_id": str(job_id),
        "epoch": 1,
        "tenant_id": str(new_id()),
        "handler": "web",
        "payload": payload,
    }


async def test_a_job_or_source_that_never_was_is_shown_to_a_person(quern: Client, truth: Truth) -> None:
    known = {row["id"] for row in await truth.rows("SELECT id FROM dead_messages")}
    await truth.publish("ingest.task", json.dumps(task_of(new_id()) | {"attempt": 1}).encode())
    await truth.publish("ingest.result", json.dumps(task_of(new_id()) | {"skipped": "scope"}).encode())
    gone = {"v": 1, "source_id": str(new_id()), "tenant_id": str(new_id())}
    await truth.publish("source.delete", json.dumps(gone).encode())

    async def kept() -> bool:
        rows = await truth.rows("SELECT id, topic, reason FROM dead_messages")
        fresh = [row for row in rows if row["id"] not in known]
        assert all(row["reason"].startswith("There never was a") for row in fresh)
        return sorted(row["topic"] for row in fresh) == sorted(CHANNELS)

    await until(kept, "all three are kept")
    await truth.converged()


async def test_what_is_late_for_a_deleted_source_is_dropped_without_a_trace(
    quern: Client, truth: Truth, site: TestSite
) -> None:
    site.page("/", site_fixtures.page("Gone", ("Here", "Soon this is gone.")))
    source_id = await quern.crawl(site.url("/"))
    (job,) = await truth.rows("SELECT id FROM jobs WHERE source_id = $1 AND is_seed", source_id)
    await quern.delete(source_id)

    async def removed() -> bool:
        return not await truth.rows("SELECT 1 FROM jobs WHERE id = $1", job["id"])

    await until(removed, "its jobs are removed")
    known = await truth.value("SELECT count(*) FROM dead_messages")
    late = task_of(job["id"], source_id=str(source_id))
    await truth.publish("ingest.task", json.dumps(late | {"attempt": 1}).encode())
    await truth.publish("ingest.result", json.dumps(late | {"skipped": "scope"}).encode())
    deleted = {"v": 1, "source_id": str(source_id), "tenant_id": str(new_id())}
    await truth.publish("source.delete", json.dumps(deleted).encode())

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
