"""The proxy of the chaos harness: what it does to messages, seen by the services' own publisher and consumer."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chaos.messages import Disorder
from chaos.nsq_proxy import NsqProxy
from shared.clock import new_id
from shared.outcome import Done, Outcome
from shared.queue import ConsumerOptions
from shared.queue.broker import NsqBroker
from shared.settings import NsqSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.queue import Delivery
    from support.claims import PortClaims
    from support.servers import NsqdServer

COUNT = 60
SECONDS = 30.0


class Bench:
    """A publisher and a consumer that reach nsqd through the proxy."""

    def __init__(self, address: str) -> None:
        self.topic = f"chaos-{new_id()}"[:60]
        self.seen: list[int] = []
        self.complete = asyncio.Event()
        self.broker = NsqBroker(
            NsqSettings(nsqd_tcp=(address,)),
            record_message=lambda *_: None,
            record_publish=lambda *_: None,
        )

    async def handle(self, delivery: Delivery) -> Outcome:
        self.seen.append(int(delivery.body))
        if set(self.seen) == set(range(COUNT)):
            self.complete.set()
        return Done()

    async def pass_all(self) -> None:
        publisher = self.broker.publisher()
        consumer = self.broker.consumer(
            topic=self.topic,
            channel="c",
            handler=self.handle,
            dead_letter=refuse,
            options=ConsumerOptions(max_in_flight=5),
        )
        try:
            async with asyncio.timeout(SECONDS):
                await consumer.start()
                bodies = [str(n).encode() for n in range(COUNT)]
                await publisher.publish_many(self.topic, bodies[: COUNT // 2])
                await asyncio.gather(*(publisher.publish(self.topic, body) for body in bodies[COUNT // 2 :]))
                await self.complete.wait()
        finally:
            await consumer.drain(1.0)
            await publisher.aclose()


async def refuse(_: Delivery, reason: str) -> None:
    raise AssertionError(reason)


@asynccontextmanager
async def proxied(nsqd: NsqdServer, ports: PortClaims, disorder: Disorder) -> AsyncIterator[Bench]:
    port = ports.take().base
    upstream = int(nsqd.tcp.rpartition(":")[2])
    proxy = NsqProxy(port=port, upstream=upstream, upstream_http=nsqd.http, disorder=disorder)
    await proxy.start()
    try:
        yield Bench(f"127.0.0.1:{port}")
    finally:
        await proxy.stop()


async def test_without_disorder_each_message_passes_once(nsqd: NsqdServer, port_claims: PortClaims) -> None:
    disorder = Disorder(1)
    async with proxied(nsqd, port_claims, disorder) as bench:
        await bench.pass_all()
    assert Counter(bench.seen) == Counter(range(COUNT))
    assert not disorder.counts


async def test_disorder_doubles_delays_and_mixes_up_but_keeps_every_message(
    nsqd: NsqdServer, port_claims: PortClaims
) -> None:
    disorder = Disorder(1, is_on=True)
    async with proxied(nsqd, port_claims, disorder) as bench:
        await bench.pass_all()
    assert set(bench.seen) == set(range(COUNT))
    assert bench.seen != sorted(bench.seen)
    assert set(disorder.counts) == {"late", "doubled", "reordered"}
