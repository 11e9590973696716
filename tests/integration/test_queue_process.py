"""A whole process that consumes: what SIGTERM and kill -9 leave behind in the queue."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from shared.lifecycle import ExitCode
from shared.queue.admin_http import NsqHttp
from shared.queue.broker import NsqBroker
from shared.settings import NsqSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shared.queue import ChannelStats
    from support.servers import NsqdServer

SERVICE = textwrap.dedent("""
    import asyncio, sys

    from shared.lifecycle import run_service
    from shared.observability.logging import configure_logging
    from shared.outcome import Done
    from shared.queue import ConsumerOptions
    from shared.queue.broker import NsqBroker
    from shared.settings import NsqSettings

    async def handle(delivery):
        await asyncio.sleep(float(delivery.body))
        return Done()

    async def keep(delivery, reason):
        raise AssertionError(reason)

    async def main(life):
        configure_logging(service="test", instance="1", level="debug")
        life.grace_seconds = 2.0
        broker = NsqBroker(NsqSettings(), record_message=lambda *_: None, record_publish=lambda *_: None)
        consumer = broker.consumer(
            topic=sys.argv[1], channel="c", handler=handle, dead_letter=keep, options=ConsumerOptions(max_in_flight=4)
        )
        life.on_stop(lambda: consumer.drain(life.grace_seconds))
        await consumer.start()

    sys.exit(run_service(main))
""")


class Service:
    """The process, with the topic that it consumes."""

    def __init__(self, nsqd: NsqdServer, admin: NsqHttp) -> None:
        self.topic = f"test.{new_id().hex[-12:]}"
        self.admin = admin
        self._nsqd = nsqd

    async def publish(self, *bodies: bytes) -> None:
        settings = NsqSettings(nsqd_tcp=(self._nsqd.tcp,))
        broker = NsqBroker(settings, record_message=lambda *_: None, record_publish=lambda *_: None)
        publisher = broker.publisher()
        await publisher.publish_many(self.topic, bodies)
        await publisher.aclose()

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVICE,
            self.topic,
            env={"QUERN_NSQD_TCP": self._nsqd.tcp},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def until(self, right: Callable[[ChannelStats], bool]) -> ChannelStats:
        give_up = time.monotonic() + 20.0
        while True:
            found = [c for t in await self.admin.stats() if t.topic == self.topic for c in t.channels]
            if found and right(found[0]):
                return found[0]
            assert time.monotonic() < give_up, found
            await asyncio.sleep(0.01)


@pytest.fixture
async def service(nsqd: NsqdServer) -> AsyncIterator[Service]:
    async with NsqHttp(base_url=nsqd.http, timeout_seconds=5.0) as admin:
        yield Service(nsqd, admin)


async def test_sigterm_finishes_what_can_be_and_hands_back_the_rest(service: Service) -> None:
    await service.publish(b"1", b"1", b"3600", b"3600", b"3600", b"3600")
    process = await service.start()
    await service.until(lambda stats: stats.in_flight == 4)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == ExitCode.GRACEFUL, err
    stats = await service.until(lambda stats: stats.clients == 0)
    assert (stats.depth, stats.in_flight, stats.deferred, stats.timed_out_total) == (4, 0, 0, 0)
    assert err == b""
    for line in out.splitlines():
        assert line.startswith(b'{"ts":')
    assert out.count(b'"outcome":"done"') == 2
    assert out.count(b'"outcome":"handed_back"') == 2
    assert b"service_stopped" in out


async def test_a_killed_consumer_leaves_its_messages_to_their_timeout(service: Service) -> None:
    await service.publish(b"3600")
    process = await service.start()
    await service.until(lambda stats: stats.in_flight == 1)
    process.kill()
    await process.communicate()
    stats = await service.until(lambda stats: stats.clients == 0)
    assert (stats.depth, stats.in_flight) == (0, 1)
