"""What only a real nsqd that dies, freezes or loses its memory can show."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from structlog.testing import capture_logs

from shared.clock import new_id
from shared.outcome import Done, Outcome
from shared.queue import (
    ConsumerOptions,
    PublishNotStoredError,
    PublishRejectedError,
    PublishUnknownError,
    QueueUnavailableError,
)
from shared.queue.admin_http import NsqHttp
from shared.queue.broker import NsqBroker
from shared.settings import NsqSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from shared.queue import Consumer, Delivery, Handler, Publisher
    from support.server import ServerProcess
    from support.servers import NsqdServer, Servers

DEADLINE_SECONDS = 20.0
OPTIONS = ConsumerOptions(
    max_in_flight=5, error_delay_seconds=0.05, error_delay_max_seconds=0.2, cancel_seconds=1.0
)


class Address(NamedTuple):
    tcp: str
    http: str


class Bench:
    """A broker with the wanted settings, and all that it made, to be closed."""

    def __init__(self, topic: str, **settings: object) -> None:
        self.topic = topic
        self.outcomes: Counter[str] = Counter()
        self.published: Counter[str] = Counter()
        self.seen: list[Delivery] = []
        self.cancelled: list[Delivery] = []
        self.consumers: list[Consumer] = []
        self.publishers: list[Publisher] = []
        self.broker = NsqBroker(
            NsqSettings(**settings),  # type: ignore[arg-type]  # given by name, checked by pydantic
            record_message=lambda _topic, _channel, outcome: self.outcomes.update([outcome]),
            record_publish=lambda _topic, outcome, count: self.published.update({outcome: count}),
        )

    async def publisher(self) -> Publisher:
        made = self.broker.publisher()
        self.publishers.append(made)
        assert await made.wait_ready(5.0)
        return made

    async def consumer(
        self, handler: Handler | None = None, options: ConsumerOptions = OPTIONS, *, wait: bool = True
    ) -> Consumer:
        async def noted(delivery: Delivery) -> Outcome:
            self.seen.append(delivery)
            try:
                return Done() if handler is None else await handler(delivery)
            except asyncio.CancelledError:
                self.cancelled.append(delivery)
                raise

        async def keep(delivery: Delivery, reason: str) -> None:
            raise AssertionError(reason)

        made = self.broker.consumer(
            topic=self.topic, channel="c", handler=noted, dead_letter=keep, options=options
        )
        self.consumers.append(made)
        await made.start()
        assert not wait or await made.wait_ready(5.0)
        return made

    async def close(self) -> None:
        for consumer in self.consumers:
            await consumer.drain(0.0)
        for publisher in self.publishers:
            await publisher.aclose()


@asynccontextmanager
async def bench(
    address: Address | NsqdServer, *, topic: str | None = None, **settings: object
) -> AsyncIterator[Bench]:
    given = {"nsqd_tcp": (address.tcp,), "nsqd_http": address.http, "publish_timeout_seconds": 2.0} | settings
    made = Bench(topic or f"test.{new_id().hex[-12:]}", **given)
    try:
        yield made
    finally:
        await made.close()


async def until(done: Callable[[], bool]) -> float:
    """Wait until something is so; returns how long it took, in seconds."""
    started = time.monotonic()
    while not done():
        assert time.monotonic() < started + DEADLINE_SECONDS
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def outcome_of(publish: Awaitable[None]) -> str:
    try:
        await publish
    except PublishRejectedError:
        return "rejected"
    except PublishUnknownError:
        return "unknown"
    except PublishNotStoredError:
        return "not_stored"
    return "stored"


async def for_ever(_: Delivery) -> Outcome:
    await asyncio.Event().wait()
    return Done()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def strict_nsqd(nsqd: NsqdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A second nsqd, which lets nobody keep a message for more than two seconds, nor send more than 10 kB."""
    address = Address(f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
    data: Path = tmp_path_factory.mktemp("strict")
    process = subprocess.Popen(
        [
            nsqd._spec.argv[0],
            f"--tcp-address={address.tcp}",
            f"--http-address={address.http.removeprefix('http://')}",
            f"--data-path={data}",
            "--max-msg-timeout=2s",
            "--msg-timeout=1s",
            "--max-msg-size=10000",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait()


class OldTopics:
    """Topics made ahead: nsqd ends the leases of a channel only when that is up to five seconds old."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._ripe_at = time.monotonic() + 5.5

    async def take(self) -> str:
        await asyncio.sleep(self._ripe_at - time.monotonic())
        return self._names.pop()


@pytest.fixture(scope="module", autouse=True)
async def old_topics(nsqd: NsqdServer) -> OldTopics:
    names = [f"test.{new_id().hex[-12:]}" for _ in range(3)]
    async with NsqHttp(base_url=nsqd.http, timeout_seconds=5.0) as admin:
        for name in names:
            await admin.create_channel(name, "c")
    return OldTopics(names)


# nsqd dies


async def test_no_publish_succeeds_falsely_when_nsqd_is_killed(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"first")
        # Until nsqd has written a queue's position for the first time (two seconds), a kill loses what it confirmed.
        await until(lambda: any(nsqd._data.glob(f"{b.topic}.diskqueue.meta.dat")))
        b.published.clear()
        stored: set[bytes] = set()
        outcomes: Counter[str] = Counter()
        stop = asyncio.Event()

        async def publish_on(worker: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                body = f"{worker}-{number}".encode()
                outcome = await outcome_of(publisher.publish(b.topic, body))
                outcomes[outcome] += 1
                if outcome == "stored":
                    stored.add(body)

        workers = [asyncio.create_task(publish_on(number)) for number in range(20)]
        await until(lambda: outcomes["stored"] > 500)
        await asyncio.to_thread(nsqd.kill9)
        before = outcomes["stored"]
        await until(lambda: not publisher.ready)
        assert outcomes["stored"] - before <= 20  # answers that were under way
        await asyncio.to_thread(nsqd.start)
        again = outcomes["stored"]
        await until(lambda: outcomes["stored"] > again + 100)
        stop.set()
        await asyncio.gather(*workers)
        assert set(outcomes) <= {"stored", "not_stored", "unknown"}
        assert b.published == outcomes

        await b.consumer(options=replace(OPTIONS, max_in_flight=200))
        await until(lambda: stored <= {delivery.body for delivery in b.seen})


async def test_a_killed_nsqd_takes_its_leases_along_and_gets_its_consumers_back(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        gate = asyncio.Event()

        async def handler(delivery: Delivery) -> Outcome:
            await gate.wait()
            return Done()

        consumer = await b.consumer(handler)
        publisher = await b.publisher()
        await publisher.publish_many(b.topic, [b"1", b"2", b"3"])
        await until(lambda: consumer.in_flight == 3)
        await asyncio.to_thread(nsqd.kill9)
        await until(lambda: consumer.in_flight == 0)
        assert len(b.cancelled) == 3
        assert b.outcomes == {"lease_lost": 3}
        assert not consumer.ready
        await asyncio.to_thread(nsqd.start)
        assert await until(lambda: consumer.ready and publisher.ready) < 2.0
        gate.set()
        await publisher.publish(b.topic, b"4")
        await until(lambda: b.outcomes["done"] >= 1)


async def test_an_outage_is_reported_once_and_its_end_as_well(
    nsqd: NsqdServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(nsqd, nsq_reconnect_max_seconds=0.05) as b:
        publisher = await b.publisher()
        with capture_logs() as logged:
            await asyncio.to_thread(nsqd.kill9)
            assert await outcome_of(publisher.publish(b.topic, b"x")) in {
                "not_stored",
                "unknown",
            }  # 40 tries or so
            await asyncio.to_thread(nsqd.start)
            await until(lambda: publisher.ready)
        assert [(line["event"], line["log_level"]) for line in logged] == [
            ("nsqd_lost", "warning"),
            ("nsqd_connected", "info"),
        ]
        assert caplog.records == []  # nothing by asyncio or pynsq either


async def test_a_service_starts_before_its_nsqd(nsqd: NsqdServer) -> None:
    await asyncio.to_thread(nsqd.kill9)
    async with bench(nsqd) as b:
        consumer = await b.consumer(wait=False)
        publisher = b.broker.publisher()
        b.publishers.append(publisher)
        assert not publisher.ready
        assert not consumer.ready
        publishing = asyncio.create_task(publisher.publish(b.topic, b"patient"))
        await asyncio.to_thread(nsqd.start)
        await publishing
        await until(lambda: b.outcomes["done"] == 1)


async def test_the_publisher_takes_the_nsqd_that_is_there(nsqd: NsqdServer) -> None:
    async with bench(nsqd, nsqd_tcp=(f"127.0.0.1:{free_port()}", nsqd.tcp)) as b:
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        assert b.published == {"stored": 1}


# nsqd freezes


async def test_a_publish_to_a_frozen_nsqd_is_unknown_then_surely_not_stored(nsqd: NsqdServer) -> None:
    async with bench(nsqd, publish_timeout_seconds=0.5, nsq_connect_timeout_seconds=0.5) as b:
        publisher = await b.publisher()
        await asyncio.to_thread(nsqd.pause)
        assert await outcome_of(publisher.publish(b.topic, b"1")) == "unknown"
        await until(lambda: not publisher.ready)
        assert await outcome_of(publisher.publish(b.topic, b"2")) == "not_stored"
        await asyncio.to_thread(nsqd.resume)
        await until(lambda: publisher.ready)
        await publisher.publish(b.topic, b"3")
        await b.consumer()
        await until(lambda: b"3" in {delivery.body for delivery in b.seen})
        assert b"2" not in {delivery.body for delivery in b.seen}


async def test_a_silent_nsqd_is_given_up_and_its_leases_with_it(nsqd: NsqdServer) -> None:
    async with bench(nsqd, nsq_heartbeat_seconds=1.0, nsq_connect_timeout_seconds=0.5) as b:
        consumer = await b.consumer(for_ever)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        await until(lambda: consumer.in_flight == 1)
        await asyncio.to_thread(nsqd.pause)
        assert await until(lambda: b.cancelled != []) < 5.0
        assert not consumer.ready
        await asyncio.to_thread(nsqd.resume)
        await until(lambda: consumer.ready)


async def test_a_frozen_nsqd_does_not_hold_up_the_stop(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        consumer = await b.consumer(for_ever)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        await until(lambda: consumer.in_flight == 1)
        await asyncio.to_thread(nsqd.pause)
        started = time.monotonic()
        await consumer.drain(0.1)
        await publisher.aclose()
        assert time.monotonic() - started < 5.0
        assert b.outcomes == {"handed_back": 1}


async def test_an_idle_connection_lives_by_its_heartbeats(nsqd: NsqdServer) -> None:
    async with bench(nsqd, nsq_heartbeat_seconds=1.0, nsq_connect_timeout_seconds=0.2) as b:
        consumer = await b.consumer()
        (connection,) = consumer._connections()  # type: ignore[attr-defined]  # to see that it stays the same one
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(connection.closed), 4.0)


# Leases


SHORT = replace(OPTIONS, msg_timeout_seconds=2.0, touch_seconds=0.25)


async def test_a_message_at_work_is_touched_however_busy_the_loop_is(
    nsqd: NsqdServer, old_topics: OldTopics
) -> None:
    async def handler(_: Delivery) -> Outcome:
        for _turn in range(20):
            await asyncio.sleep(0)
            time.sleep(0.2)  # noqa: ASYNC251  (the load that this test is about)
        return Done()

    async with bench(nsqd, topic=await old_topics.take()) as b:
        await b.consumer(handler, SHORT)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        assert await until(lambda: b.outcomes["done"] == 1) >= 4.0
        assert len(b.seen) == 1
        async with NsqHttp(base_url=nsqd.http, timeout_seconds=5.0) as admin:
            (stats,) = [c for t in await admin.stats() if t.topic == b.topic for c in t.channels]
        assert stats.timed_out_total == 0


async def test_a_message_that_came_again_while_the_loop_was_blocked_has_one_handler(
    nsqd: NsqdServer, old_topics: OldTopics
) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        if len(b.seen) == 1:
            time.sleep(3.0)  # noqa: ASYNC251  (longer than the lease, so that no touch can save it)
            return await for_ever(delivery)
        return Done()

    async with bench(nsqd, topic=await old_topics.take()) as b:
        await b.consumer(handler, SHORT)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        await until(lambda: b.outcomes["done"] == 1)
        assert [delivery.attempts for delivery in b.cancelled] == [1]
        assert len(b.seen) == 2
        assert (
            b.outcomes["lease_lost"] == b.seen[1].attempts - 1
        )  # those included that came and went meanwhile


async def test_a_touch_that_comes_too_late_cancels_the_handler(
    nsqd: NsqdServer, old_topics: OldTopics
) -> None:
    async with bench(nsqd, topic=await old_topics.take()) as b:
        blocked = asyncio.Event()

        async def handler(delivery: Delivery) -> Outcome:
            consumer.pause()  # so that the message does not come back to us, which would tell as well
            await asyncio.sleep(0.1)  # RDY leaves with the next turn of the loop
            time.sleep(3.0)  # noqa: ASYNC251  (longer than the lease)
            blocked.set()
            return await for_ever(delivery)

        consumer = await b.consumer(handler, SHORT)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        await blocked.wait()
        assert await until(lambda: b.cancelled != []) < 2.0
        assert b.outcomes == {"lease_lost": 1}


async def test_a_handler_past_nsqds_longest_lease_is_cancelled(strict_nsqd: Address) -> None:
    options = replace(OPTIONS, msg_timeout_seconds=1.0, touch_seconds=0.25)

    async def handler(delivery: Delivery) -> Outcome:
        return await for_ever(delivery) if delivery.attempts == 1 else Done()

    async with bench(strict_nsqd) as b:
        await b.consumer(handler, options)
        publisher = await b.publisher()
        await publisher.publish(b.topic, b"x")
        await until(lambda: b.outcomes["done"] == 1)
        assert [delivery.attempts for delivery in b.cancelled] == [1]
        assert b.outcomes == {"lease_lost": 1, "done": 1}


async def test_a_message_timeout_that_nsqd_refuses_is_reported(strict_nsqd: Address) -> None:
    async with bench(strict_nsqd) as b:
        with capture_logs() as logged:
            consumer = await b.consumer(options=replace(OPTIONS, msg_timeout_seconds=60.0), wait=False)
            assert not await consumer.wait_ready(0.3)
        (line,) = [line for line in logged if line["event"] == "nsqd_lost"]
        assert "refuses our terms" in line["reason"]


# Sizes


async def test_a_message_that_only_nsqd_finds_too_large_is_rejected_and_the_next_one_goes(
    strict_nsqd: Address,
) -> None:
    async with bench(strict_nsqd) as b:
        publisher = await b.publisher()
        assert await outcome_of(publisher.publish(b.topic, b"x" * 10_001)) == "rejected"
        await until(lambda: publisher.ready)
        await publisher.publish(b.topic, b"x" * 10_000)
        await b.consumer(options=replace(OPTIONS, msg_timeout_seconds=1.0, touch_seconds=0.25))
        await until(lambda: b.outcomes["done"] == 1)


async def test_messages_of_the_largest_size_pass(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        publisher = await b.publisher()
        largest = NsqSettings().max_msg_bytes
        await publisher.publish_many(b.topic, [bytes([index]) * largest for index in range(5)])
        await b.consumer()
        await until(lambda: b.outcomes["done"] == 5)
        assert {len(delivery.body) for delivery in b.seen} == {largest}


async def test_a_message_reaches_an_idle_consumer_at_once(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        await b.consumer(options=replace(OPTIONS, max_in_flight=50))
        publisher = await b.publisher()
        waits = []
        for count in range(1, 12):
            await publisher.publish(b.topic, b"x")
            waits.append(await until(lambda count=count: len(b.seen) >= count))  # type: ignore[misc]
        assert sorted(waits)[len(waits) // 2] < 0.1  # nsqd's own buffering would make it 0.25


# Several nsqds, and finding them


async def test_one_slot_serves_two_nsqds(nsqd: NsqdServer, strict_nsqd: Address) -> None:
    options = replace(OPTIONS, max_in_flight=1, msg_timeout_seconds=1.0, touch_seconds=0.25)
    async with bench(strict_nsqd) as other, bench(nsqd, nsqd_tcp=(nsqd.tcp, strict_nsqd.tcp)) as b:
        other.topic = b.topic
        for made in (other, b):
            publisher = await made.publisher()
            await publisher.publish_many(b.topic, [b"x"] * 10)
        consumer = await b.consumer(options=options)
        await until(lambda: b.outcomes["done"] == 20)
        assert len(consumer._links) == 2  # type: ignore[attr-defined]  # both are connected to


async def test_nsqds_are_found_by_nsqlookupd_and_kept_without_it(nsqd: NsqdServer, servers: Servers) -> None:
    lookupd: ServerProcess = servers.nsqlookupd
    async with bench(nsqd) as plain:
        publisher = await plain.publisher()
        nowhere = (f"127.0.0.1:{free_port()}",)
        async with bench(
            nsqd, nsqd_tcp=nowhere, nsqlookupd_http=(nsqd.lookupd_http,), nsqlookupd_poll_seconds=0.2
        ) as b:
            b.topic = plain.topic
            consumer = await b.consumer(wait=False)
            assert not await consumer.wait_ready(0.3)  # nobody has the topic yet
            await publisher.publish(b.topic, b"1")
            await until(lambda: b.outcomes["done"] == 1)
            await asyncio.to_thread(lookupd.kill9)
            await publisher.publish(b.topic, b"2")
            await until(lambda: b.outcomes["done"] == 2)


async def test_without_any_nsqlookupd_the_known_nsqd_serves(nsqd: NsqdServer) -> None:
    async with bench(
        nsqd, nsqlookupd_http=(f"http://127.0.0.1:{free_port()}",), nsqlookupd_poll_seconds=0.1
    ) as b:
        with capture_logs() as logged:
            await b.consumer()
            publisher = await b.publisher()
            await publisher.publish(b.topic, b"x")
            await until(lambda: b.outcomes["done"] == 1)
        assert [line["event"] for line in logged].count("nsqlookupd_lost") == 1


async def test_the_administrative_side_says_when_nsqd_is_down(nsqd: NsqdServer) -> None:
    await asyncio.to_thread(nsqd.kill9)
    async with NsqHttp(base_url=nsqd.http, timeout_seconds=1.0) as admin:
        with pytest.raises(QueueUnavailableError):
            await admin.ping()
        with pytest.raises(QueueUnavailableError):
            await admin.stats()


# Last, because the topics that were made ahead are gone after it


async def test_a_wiped_nsqd_is_used_again(nsqd: NsqdServer) -> None:
    async with bench(nsqd) as b:
        consumer = await b.consumer()
        publisher = await b.publisher()
        await asyncio.to_thread(nsqd.wipe)
        await until(lambda: consumer.ready and publisher.ready)
        await publisher.publish(b.topic, b"after")
        await until(lambda: b.outcomes["done"] == 1)
