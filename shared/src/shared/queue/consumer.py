"""Consuming from nsqd: keeps connections to every nsqd of a topic, shares out RDY, passes deliveries to the runner."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared.queue import codec
from shared.queue.connection import AnswerError, Connection, ConnectionLostError
from shared.queue.link import Link, LinkOptions
from shared.queue.ports import ConsumerOptions, Delivery
from shared.queue.rules import ready_shares
from shared.queue.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.queue.discovery import Lookup
    from shared.queue.ports import DeadLetterSink, Handler, RecordMessage

_FIRST_LOOKS_SECONDS = 1.0
"""Between two looks while no nsqd was found yet."""
_FORGET_AFTER_LOOKS = 4
"""An nsqd that is gone and unlisted for so many complete looks is not tried any more."""
_REDISTRIBUTE_SECONDS = 2.0
_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _NsqReply:
    connection: Connection
    message_id: str

    def finish(self) -> None:
        self.connection.send(codec.finish(self.message_id))

    def requeue(self, delay_ms: int) -> None:
        self.connection.send(codec.requeue(self.message_id, delay_ms))

    def touch(self) -> None:
        self.connection.send(codec.touch(self.message_id))


class NsqConsumer:
    """As ``shared.queue.ports.Consumer``."""

    def __init__(
        self,
        *,
        topic: str,
        channel: str,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
        link_options: LinkOptions,
        addresses: Sequence[str],
        lookup: Lookup | None,
        look_seconds: float,
        record: RecordMessage,
    ) -> None:
        """``lookup`` is asked every ``look_seconds``; ``addresses`` serve without it, and while it does not answer."""
        self._topic = topic
        self._channel = channel
        self._options = options
        self._link_options = link_options
        self._addresses = tuple(addresses)
        self._lookup = lookup
        self._look_seconds = look_seconds
        self._record = record
        self._runner = Runner(handler=handler, dead_letter=dead_letter, options=options, record=self._settled)
        self._links: dict[str, Link] = {}
        self._unlisted: dict[str, int] = {}
        self._shares: dict[Connection, int] = {}
        self._turn = 0
        self._paused = False
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._draining: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """As ``Consumer.ready``."""
        return self._ready.is_set()

    @property
    def in_flight(self) -> int:
        """As ``Consumer.in_flight``."""
        return self._runner.in_flight

    async def wait_ready(self, timeout_seconds: float) -> bool:
        """As ``Consumer.wait_ready``."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    async def start(self) -> None:
        """As ``Consumer.start``."""
        loops = [self._touch(), self._redistribute()]
        if self._lookup is not None:
            loops.append(self._look(self._lookup))
        else:
            self._add_links(self._addresses)
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def pause(self) -> None:
        """As ``Consumer.pause``."""
        self._paused = True
        self._share_out()

    def resume(self) -> None:
        """As ``Consumer.resume``."""
        self._paused = False
        self._share_out()

    async def drain(self, grace_seconds: float) -> None:
        """As ``Consumer.drain``."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain(grace_seconds))
        await asyncio.shield(self._draining)

    async def _drain(self, grace_seconds: float) -> None:
        self.pause()
        await self._runner.drain(grace_seconds)
        await asyncio.gather(*(_say_farewell(connection) for connection in self._connections()))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for link in list(self._links.values()):
            await link.stop()

    # Connections

    def _connections(self) -> list[Connection]:
        return [link.connection for link in self._links.values() if link.connection is not None]

    def _add_links(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            if address not in self._links:
                link = self._links[address] = Link(
                    address=address,
                    options=self._link_options,
                    negotiate=self._subscribe,
                    on_up=self._up,
                    on_down=self._down,
                )
                link.start()

    async def _subscribe(self, connection: Connection) -> None:
        connection.on_message = partial(self._receive, connection)
        connection.on_lease_failure = partial(self._runner.lose, connection)
        await connection.request(codec.subscribe(self._topic, self._channel))

    def _up(self) -> None:
        self._ready.set()
        self._share_out()

    def _down(self, connection: Connection, reason: str) -> None:
        self._shares.pop(connection, None)
        self._runner.lose_source(connection, reason)
        if not self._connections():
            self._ready.clear()
        self._share_out()

    def _receive(self, connection: Connection, message: codec.Message) -> None:
        delivery = Delivery(
            id=message.id,
            body=message.body,
            attempts=message.attempts,
            timestamp_ns=message.timestamp_ns,
            topic=self._topic,
            channel=self._channel,
        )
        self._runner.deliver(connection, delivery, _NsqReply(connection, message.id))

    # RDY

    def _share_out(self) -> None:
        """Tell every nsqd how many messages it may have in flight with us, where that has changed."""
        connections = self._connections()
        if self._paused:
            shares = [0] * len(connections)
        else:
            shares = ready_shares(
                [self._runner.in_flight_of(connection) for connection in connections],
                max_in_flight=self._options.max_in_flight,
                turn=self._turn,
            )
        for connection, share in zip(connections, shares, strict=True):
            if self._shares.get(connection) != share:
                self._shares[connection] = share
                connection.send(codec.ready(min(share, connection.max_ready)))

    def _settled(self, topic: str, channel: str, outcome: str) -> None:
        self._record(topic, channel, outcome)
        if len(self._links) > self._options.max_in_flight:  # slots are scarce: give this one on
            self._share_out()

    # Loops

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(self._options.touch_seconds)
            self._runner.touch_all()

    async def _redistribute(self) -> None:
        while True:
            await asyncio.sleep(_REDISTRIBUTE_SECONDS)
            self._turn += 1
            if len(self._links) > self._options.max_in_flight:
                self._share_out()

    async def _look(self, lookup: Lookup) -> None:
        while True:
            found, complete = await lookup.producers(self._topic)
            self._add_links(found)
            if complete:
                await self._forget(found)
            elif not self._links:
                self._add_links(self._addresses)
            pause = self._look_seconds if self._links else min(_FIRST_LOOKS_SECONDS, self._look_seconds)
            await asyncio.sleep(pause * (0.9 + 0.2 * random.random()))  # noqa: S311  (spreads load, guards nothing)

    async def _forget(self, listed: frozenset[str]) -> None:
        """Stop trying nsqds that are gone for good; one that is connected stays, listed or not."""
        for address, link in list(self._links.items()):
            if address in listed or link.connection is not None:
                self._unlisted.pop(address, None)
                continue
            self._unlisted[address] = self._unlisted.get(address, 0) + 1
            if self._unlisted[address] >= _FORGET_AFTER_LOOKS:
                del self._links[address], self._unlisted[address]
                await link.stop()


async def _say_farewell(connection: Connection) -> None:
    """Wait until nsqd has acted on our last FIN and REQ: it answers CLS after them."""
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await connection.request(codec.start_close())
    except (AnswerError, ConnectionLostError, TimeoutError):
        return  # nsqd is gone or frozen; what it did not hear, it will deliver again
