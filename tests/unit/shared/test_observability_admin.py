from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.observability import metrics
from shared.observability.admin import AdminApp
from shared.observability.families import CounterFamily, GaugeFamily
from shared.observability.queue_stats import QueueStatsCollector
from shared.observability.readiness import Readiness
from shared.testing.queue import MemoryBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Dependency:
    def __init__(self) -> None:
        self.answer: str | Exception | None = None
        self.left = 3
        self.asked_often = asyncio.Event()

    async def check(self) -> str | None:
        self.left -= 1
        if self.left == 0:
            self.asked_often.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def readiness() -> Readiness:
    return Readiness(period_seconds=0.001, timeout_seconds=0.05)


@pytest.fixture
async def admin(readiness: Readiness) -> AsyncIterator[str]:
    async with AdminApp(readiness=readiness).serve("127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        if response.content_type == "application/json":
            return response.status, await response.json()
        return response.status, await response.text()


async def test_alive_is_not_ready(readiness: Readiness, admin: str) -> None:
    dependency = Dependency()
    readiness.register("postgres", dependency.check)
    assert await get(f"{admin}/healthz") == (200, {"status": "up"})
    status, body = await get(f"{admin}/readyz")
    assert status == 503
    assert body["dependencies"]["postgres"]["detail"] == "not checked yet"
    await readiness.check_all()
    status, body = await get(f"{admin}/readyz")
    assert status == 200
    assert body["status"] == "up"
    assert set(body["dependencies"]["postgres"]) == {"status", "detail", "since"}


async def test_degraded_works_and_down_does_not(readiness: Readiness, admin: str) -> None:
    dependency = Dependency()
    readiness.register("nsqd", dependency.check)
    for answer, status, code in (
        (None, "up", 200),
        ("slow", "degraded", 200),
        (OSError("gone"), "down", 503),
    ):
        dependency.answer = answer
        await readiness.check_all()
        assert readiness.states()["nsqd"].status == status
        assert (await get(f"{admin}/readyz"))[0] == code
        assert readiness.is_up("nsqd") == (code == 200)
    assert readiness.states()["nsqd"].detail == "gone"


async def test_since_is_when_the_status_changed(readiness: Readiness) -> None:
    dependency = Dependency()
    readiness.register("nsqd", dependency.check)
    await readiness.check_all()
    since = readiness.states()["nsqd"].since
    await readiness.check_all()
    assert readiness.states()["nsqd"].since == since
    dependency.answer = "slow"
    await readiness.check_all()
    assert readiness.states()["nsqd"].since > since


async def test_an_optional_dependency_is_shown_but_does_not_count(readiness: Readiness, admin: str) -> None:
    dependency = Dependency()
    dependency.answer = OSError("gone")
    readiness.register("nsqadmin", dependency.check, required=False)
    await readiness.check_all()
    status, body = await get(f"{admin}/readyz")
    assert status == 200
    assert body["dependencies"]["nsqadmin"]["status"] == "down"


async def test_a_check_that_hangs_is_down(readiness: Readiness) -> None:
    async def hang() -> str | None:
        await asyncio.Event().wait()
        return None

    readiness.register("weaviate", hang)
    await readiness.check_all()
    assert readiness.states()["weaviate"].detail == "no answer within 0.05 s"


async def test_checks_go_on_until_the_stop(readiness: Readiness) -> None:
    dependency, stop = Dependency(), asyncio.Event()
    readiness.register("nsqd", dependency.check)
    running = asyncio.create_task(readiness.run(stop))
    await asyncio.wait_for(dependency.asked_often.wait(), 5)
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_the_answer_of_a_dependency_is_a_metric(readiness: Readiness, admin: str) -> None:
    readiness.register("embedder", Dependency().check)
    await readiness.check_all()
    status, text = await get(f"{admin}/metrics")
    assert status == 200
    assert 'quern_dependency_up{dependency="embedder"} 1.0' in text
    assert "quern_process_resident_memory_bytes" in text


async def test_a_refresher_that_fails_or_hangs_does_not_cost_the_scrape(readiness: Readiness) -> None:
    async def fail() -> None:
        raise OSError("nsqd is gone")

    async def hang() -> None:
        await asyncio.Event().wait()

    app = AdminApp(readiness=readiness, refreshers=(fail, hang), refresh_timeout_seconds=0.05)
    async with app.serve("127.0.0.1", 0) as port:
        assert (await get(f"http://127.0.0.1:{port}/metrics"))[0] == 200


async def test_the_queues_figures_are_there_while_it_is_up_and_absent_else() -> None:
    broker, registry = MemoryBroker(), CollectorRegistry()
    await broker.create_channel("ingest.task", "worker")
    await broker.publisher().publish("ingest.task", b"x")
    collector = QueueStatsCollector(broker, registry=registry)
    await collector.refresh()
    labels = '{channel="worker",topic="ingest.task"}'
    text = generate_latest(registry).decode()
    assert f"quern_queue_depth{labels} 1.0" in text
    assert f"quern_queue_messages_total{labels} 1.0" in text
    assert 'quern_queue_backlog{topic="ingest.task"} 0.0' in text
    broker.go_down()
    with pytest.raises(Exception, match="down"):
        await collector.refresh()
    assert labels not in generate_latest(registry).decode()


def test_every_metric_is_named_and_labelled_as_it_should_be() -> None:
    families = metrics.all_families()
    assert len({family.name for family in families}) == len(families) > 25
    for family in families:
        assert family.name.startswith("quern_")
        assert family.help.endswith("."), family.name
        assert not set(family.labels) & {"job_id", "url", "tenant", "tenant_id", "source_id", "request_id"}
        assert isinstance(family, CounterFamily) == family.name.endswith("_total")


def test_all_metrics_together_can_be_scraped() -> None:
    for family in metrics.all_families():
        family.child(tuple("x" for _ in family.labels))
    metrics.record_message("t", "c", "dead_letter")
    metrics.record_publish("t", "stored", 3)
    metrics.record_task("reclaim_jobs", 0.1, {"jobs": 2, "runs": 1})
    metrics.record_build("worker", "1.2.3")
    from shared.observability.families import REGISTRY  # noqa: PLC0415  (what /metrics serves)

    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(REGISTRY).decode())
        for sample in family.samples
    }
    assert samples["quern_dead_messages_total", (("topic", "t"),)] == 1
    assert samples["quern_published_total", (("outcome", "stored"), ("topic", "t"))] == 3
    assert samples["quern_janitor_task_changes_total", (("task", "reclaim_jobs"),)] == 3
    assert not [name for name, _ in samples if name.endswith("_created")]


def test_children_are_kept_and_bad_names_refused() -> None:
    assert metrics.MESSAGES.child(("t", "c", "x")) is metrics.MESSAGES.child(("t", "c", "x"))
    with pytest.raises(ValueError, match="_total"):
        CounterFamily("quern_things", "Things.")
    with pytest.raises(ValueError, match="quern_"):
        GaugeFamily("things", "Things.")
