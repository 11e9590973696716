"""Keeps a connection to one nsqd: connects, waits until it is lost, connects again soon but not in a rush."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shared.queue.connection import AnswerError, Connection, ConnectionLostError, connect
from shared.queue.errors import QueueRejectedError, QueueUnavailableError
from shared.queue.rules import backoff_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_STABLE_SECONDS = 10.0
"""A connection that lived this long was a good one: the next outage starts with the short pause again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """How an nsqd is connected to.

    Attributes:
        connect_timeout_seconds: for one try, negotiation included.
        reconnect_max_seconds: the longest pause between two tries.
        heartbeat_seconds: nsqd's heartbeat.
        max_msg_bytes: nsqd's ``--max-msg-size``.
        msg_timeout_seconds: for consumers.
    """

    connect_timeout_seconds: float = 3.0
    reconnect_max_seconds: float = 1.5
    heartbeat_seconds: float = 15.0
    max_msg_bytes: int = 1_048_576
    msg_timeout_seconds: float | None = None


class Link:
    """One supervised connection. Says once when it is lost and once when it is back, whatever it tries in between."""

    def __init__(
        self,
        *,
        address: str,
        options: LinkOptions,
        negotiate: Callable[[Connection], Awaitable[None]],
        on_up: Callable[[], None],
        on_down: Callable[[Connection, str], None],
    ) -> None:
        """``negotiate`` may talk to nsqd before the connection counts; ``on_down`` comes for each that it was given."""
        self.address = address
        self._options = options
        self._negotiate = negotiate
        self._on_up = on_up
        self._on_down = on_down
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._complained = False

    @property
    def connection(self) -> Connection | None:
        """The connection, while there is one that can be used."""
        return self._connection if self._connection is not None and self._connection.alive else None

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name=f"nsqd {self.address}")

    async def stop(self) -> None:
        """Close; ``on_down`` is called before this returns if the link was up. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        tries = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self._live_once()
            tries = 1 if loop.time() - started > _STABLE_SECONDS else tries + 1
            await asyncio.sleep(
                backoff_seconds(
                    tries,
                    base_seconds=_FIRST_PAUSE_SECONDS,
                    max_seconds=self._options.reconnect_max_seconds,
                    dice=random.random(),  # noqa: S311  (spreads load, guards nothing)
                ),
            )

    async def _live_once(self) -> None:
        """Connect, and stay until the connection is lost."""
        options = self._options
        try:
            connection = await connect(
                self.address,
                timeout_seconds=options.connect_timeout_seconds,
                heartbeat_seconds=options.heartbeat_seconds,
                max_msg_bytes=options.max_msg_bytes,
                msg_timeout_seconds=options.msg_timeout_seconds,
            )
        except (QueueUnavailableError, QueueRejectedError) as error:
            self._complain(str(error))
            return
        try:
            await self._use(connection)
        finally:
            connection.abort("closed by us")

    async def _use(self, connection: Connection) -> None:
        reason = "closed by us"
        try:
            async with asyncio.timeout(self._options.connect_timeout_seconds):
                await self._negotiate(connection)
            self._connection = connection
            self._cheer()
            self._on_up()
            reason = await asyncio.shield(connection.closed)
            self._complain(reason)
        except (AnswerError, ConnectionLostError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            self._complain(reason)
        finally:
            self._connection = None
            self._on_down(connection, reason)

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("nsqd_lost", address=self.address, reason=reason)

    def _cheer(self) -> None:
        log = _log.info if self._complained else _log.debug
        log("nsqd_connected", address=self.address)
        self._complained = False
