"""Publishing to nsqd: a publish succeeds when nsqd has said OK, and never before."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.queue import codec
from shared.queue.connection import AnswerError, Connection, ConnectionLostError
from shared.queue.errors import PublishNotStoredError, PublishRejectedError, PublishUnknownError
from shared.queue.link import Link, LinkOptions
from shared.queue.rules import check_body, check_topic, split_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.queue.ports import RecordPublish

_MAX_BATCH_MESSAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherOptions:
    """How a publisher works.

    Attributes:
        timeout_seconds: for one publish, waiting for a connection and for its turn included.
        max_outstanding: commands that may wait for an answer at once; bounds memory and the loss of one connection.
        max_msg_bytes: nsqd's ``--max-msg-size``.
        max_mpub_bytes: nsqd's ``--max-body-size``.
    """

    timeout_seconds: float = 5.0
    max_outstanding: int = 200
    max_msg_bytes: int = 1_048_576
    max_mpub_bytes: int = 5_242_880


class NsqPublisher:
    """As ``shared.queue.ports.Publisher``, to the first of some nsqds that is connected."""

    def __init__(
        self,
        *,
        addresses: Sequence[str],
        options: PublisherOptions,
        link_options: LinkOptions,
        record: RecordPublish,
    ) -> None:
        """Begin to connect at once; needs a running event loop."""
        self._options = options
        self._record = record
        self._ready = asyncio.Event()
        self._turns = asyncio.Semaphore(options.max_outstanding)
        self._closed = False
        self._links = [
            Link(
                address=address,
                options=link_options,
                negotiate=_agree,
                on_up=self._ready.set,
                on_down=self._down,
            )
            for address in addresses
        ]
        for link in self._links:
            link.start()

    @property
    def ready(self) -> bool:
        """As ``Publisher.ready``."""
        return not self._closed and any(link.connection for link in self._links)

    async def wait_ready(self, timeout_seconds: float) -> bool:
        """As ``Publisher.wait_ready``."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return self.ready

    async def publish(self, topic: str, body: bytes) -> None:
        """As ``Publisher.publish``."""
        with self._counted(topic, 1):
            check_topic(topic)
            check_body(body, max_msg_bytes=self._options.max_msg_bytes)
            await self._send(codec.publish(topic, body))

    async def publish_many(self, topic: str, bodies: Sequence[bytes]) -> None:
        """As ``Publisher.publish_many``."""
        with self._counted(topic, len(bodies)):
            check_topic(topic)
            for body in bodies:
                check_body(body, max_msg_bytes=self._options.max_msg_bytes)
            for batch in split_batches(
                bodies,
                max_body_bytes=self._options.max_mpub_bytes,
                max_messages=_MAX_BATCH_MESSAGES,
            ):
                await self._send(codec.publish_many(topic, batch))

    async def aclose(self) -> None:
        """As ``Publisher.aclose``: publishes under way end within their own timeout."""
        self._closed = True
        self._ready.set()  # those who wait for a connection shall hear that none will come
        for _ in range(self._options.max_outstanding):
            await self._turns.acquire()
        for _ in range(self._options.max_outstanding):
            self._turns.release()
        for link in self._links:
            await link.stop()

    @contextmanager
    def _counted(self, topic: str, count: int) -> Iterator[None]:
        """Count what became of these messages; of several batches, by the one that failed."""
        outcome = "unknown"
        try:
            yield
            outcome = "stored"
        except PublishRejectedError:
            outcome = "rejected"
            raise
        except PublishNotStoredError:
            outcome = "not_stored"
            raise
        finally:
            self._record(topic, outcome, count)

    async def _send(self, command: bytes) -> None:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._options.timeout_seconds), self._turns:
                connection = await self._connected()
                await _request(connection, command)
        except TimeoutError:
            raise self._too_late(connection) from None
        except ConnectionLostError as error:
            raise PublishUnknownError(f"the connection to nsqd broke before its answer: {error}") from error
        except AnswerError as error:
            raise _refusal(error) from error

    async def _connected(self) -> Connection:
        while not self._closed:
            await self._ready.wait()
            for link in self._links:
                if link.connection is not None:
                    return link.connection
            self._ready.clear()
        raise PublishNotStoredError("the publisher is closed")

    def _too_late(self, connection: Connection | None) -> PublishNotStoredError | PublishUnknownError:
        timeout = self._options.timeout_seconds
        if connection is None:
            return PublishNotStoredError(f"nsqd was not reached within {timeout:g} s")
        if connection.oldest_wait_seconds() > timeout / 2:
            # It has gone silent: on a new connection the next publish fails at once and surely, not late and perhaps.
            connection.abort(f"no answer to a publish for {connection.oldest_wait_seconds():.1f} s")
        return PublishUnknownError(f"nsqd did not answer within {timeout:g} s")

    def _down(self, _connection: Connection, _reason: str) -> None:
        if not self._closed and not any(link.connection for link in self._links):
            self._ready.clear()


async def _agree(_connection: Connection) -> None:
    """A publisher has nothing more to settle with nsqd."""


async def _request(connection: Connection, command: bytes) -> None:
    try:
        answer = await connection.request(command)
    except AnswerError as error:
        # nsqd closes the connection after any of these: what is published next shall not be sent into its end.
        connection.abort(f"nsqd refused a publish: {error}")
        raise
    if answer != codec.OK:
        raise PublishUnknownError(f"nsqd answered {answer[:50]!r} to a publish")


def _refusal(error: AnswerError) -> PublishNotStoredError | PublishUnknownError | PublishRejectedError:
    """E_PUB_FAILED and E_MPUB_FAILED are nsqd's own trouble (its disk, its exit); a batch may be stored in part."""
    if error.code == "E_PUB_FAILED":
        return PublishNotStoredError(f"nsqd could not store the message: {error}")
    if error.code == "E_MPUB_FAILED":
        return PublishUnknownError(f"nsqd could not store the batch, or not all of it: {error}")
    return PublishRejectedError(f"nsqd refused the message: {error}")
