"""One connection to one nsqd: frames in both directions, answers matched to commands, silence noticed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from shared.queue import codec
from shared.queue.errors import QueueRejectedError, QueueUnavailableError
from shared.settings_base import split_host_port

if TYPE_CHECKING:
    from collections.abc import Callable

_LEASE_FAILURES = frozenset({"E_FIN_FAILED", "E_REQ_FAILED", "E_TOUCH_FAILED"})
"""Errors about a message; all others answer the oldest command that waits for an answer."""

USER_AGENT = "quern"


class AnswerError(Exception):
    """Nsqd answered a command with an error."""

    def __init__(self, failure: codec.Failure) -> None:
        super().__init__(failure.text)
        self.code = failure.code


class ConnectionLostError(Exception):
    """The connection ended before the answer came."""


class Connection(asyncio.Protocol):
    """A protocol of asyncio, made by :func:`connect`.

    Attributes:
        address: host:port, for log lines.
        closed: resolves with the reason when the connection has ended.
        max_ready: the highest RDY that nsqd takes.
    """

    def __init__(self, *, address: str, max_msg_bytes: int, silence_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.address = address
        self.closed: asyncio.Future[str] = loop.create_future()
        self.max_ready = 1
        self.on_message: Callable[[codec.Message], None] = _ignore
        self.on_lease_failure: Callable[[str, str], None] = _ignore
        self._loop = loop
        self._frames = codec.FrameReader(max_msg_bytes=max_msg_bytes)
        self._answers: deque[tuple[asyncio.Future[bytes], float]] = deque()
        self._silence_seconds = silence_seconds
        self._heard_at = loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._reason = "nsqd closed the connection"

    @property
    def alive(self) -> bool:
        """Whether commands still make sense."""
        return not self.closed.done() and self._transport is not None and not self._transport.is_closing()

    def send(self, *commands: bytes) -> None:
        """Send commands that have no answer. On a dead connection they are dropped: its leases are lost as well."""
        if self.alive and self._transport is not None:
            self._transport.write(b"".join(commands))

    async def request(self, command: bytes) -> bytes:
        """Send a command and wait for its answer, for which the caller has to set a time limit.

        A caller that gives up leaves its place in the order of answers, so that the later ones still match.

        Raises:
            AnswerError: nsqd refused.
            ConnectionLostError: no answer any more.
        """
        if not self.alive:
            raise ConnectionLostError(self._reason)
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answers.append((answer, self._loop.time()))
        self.send(command)
        return await answer

    def oldest_wait_seconds(self) -> float:
        """How long the oldest command has been waiting for its answer."""
        return self._loop.time() - self._answers[0][1] if self._answers else 0.0

    def abort(self, reason: str) -> None:
        """End the connection now; what was not sent yet is dropped."""
        self._reason = reason if self.alive else self._reason
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self.send(codec.MAGIC)
        self._listen_for_silence()

    def data_received(self, data: bytes) -> None:
        """By asyncio."""
        self._heard_at = self._loop.time()
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except codec.BrokenStreamError as error:
            self.abort(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """By asyncio."""
        if self._watch is not None:
            self._watch.cancel()
        if exc is not None:
            self._reason = str(exc) or type(exc).__name__
        self.closed.set_result(self._reason)
        for answer, _ in self._answers:
            if not answer.done():
                answer.set_exception(ConnectionLostError(self._reason))
        self._answers.clear()

    def _take(self, frame: codec.Frame) -> None:
        match frame:
            case codec.Message():
                self.on_message(frame)
            case codec.Response(data=codec.HEARTBEAT):
                self.send(codec.nop())
            case codec.Failure(code=code, text=text) if code in _LEASE_FAILURES:
                self.on_lease_failure(_message_id(text), text)
            case codec.Response() | codec.Failure():
                self._answer(frame)

    def _answer(self, frame: codec.Response | codec.Failure) -> None:
        if not self._answers:
            # Not an answer to anything: nsqd says why it is about to close the connection.
            self._reason = frame.text if isinstance(frame, codec.Failure) else self._reason
            return
        answer, _ = self._answers.popleft()
        if answer.done():  # its caller gave up
            return
        if isinstance(frame, codec.Failure):
            answer.set_exception(AnswerError(frame))
        else:
            answer.set_result(frame.data)

    def _listen_for_silence(self) -> None:
        """Expect heartbeats; when nothing at all came for two of them, it is frozen or unreachable."""
        quiet = self._loop.time() - self._heard_at
        if quiet >= self._silence_seconds:
            self.abort(f"nothing heard for {quiet:.0f} s")
            return
        self._watch = self._loop.call_later(self._silence_seconds - quiet, self._listen_for_silence)


async def connect(
    address: str,
    *,
    timeout_seconds: float,
    heartbeat_seconds: float,
    max_msg_bytes: int,
    msg_timeout_seconds: float | None = None,
) -> Connection:
    """Connect and negotiate.

    Args:
        address: host:port.
        timeout_seconds: for all of it.
        heartbeat_seconds: how often nsqd shall send one; it closes the connection when two stay unanswered.
        max_msg_bytes: nsqd's limit; a larger frame ends the connection.
        msg_timeout_seconds: for consumers; at most nsqd's ``--max-msg-timeout``.

    Raises:
        QueueUnavailableError: nobody there, or too slow.
        QueueRejectedError: nsqd does not take what was asked for (such as the message timeout).
    """
    host, port = split_host_port(address)
    loop = asyncio.get_running_loop()
    connection = Connection(
        address=address,
        max_msg_bytes=max_msg_bytes,
        silence_seconds=2 * heartbeat_seconds + timeout_seconds,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            await loop.create_connection(lambda: connection, host, port)
            answer = await connection.request(
                codec.identify(_identity(heartbeat_seconds, msg_timeout_seconds))
            )
    except BaseException as error:
        connection.abort("negotiation failed")
        if isinstance(error, AnswerError):
            raise QueueRejectedError(f"nsqd at {address} refuses our terms: {error}") from error
        if isinstance(error, OSError | ConnectionLostError):  # TimeoutError is an OSError
            raise QueueUnavailableError(
                f"no nsqd at {address}: {str(error) or 'no answer in time'}"
            ) from error
        raise
    connection.max_ready = int(json.loads(answer).get("max_rdy_count", 1))
    return connection


def _identity(heartbeat_seconds: float, msg_timeout_seconds: float | None) -> dict[str, Any]:
    host = socket.gethostname()
    identity: dict[str, Any] = {
        "client_id": host.split(".")[0],
        "hostname": host,
        "user_agent": USER_AGENT,
        "feature_negotiation": True,
        "heartbeat_interval": int(heartbeat_seconds * 1000),
        # Unbuffered: nsqd would hold a message back for up to 250 ms while it hopes for a second one.
        "output_buffer_size": -1,
        "output_buffer_timeout": -1,
    }
    if msg_timeout_seconds is not None:
        identity["msg_timeout"] = int(msg_timeout_seconds * 1000)
    return identity


def _message_id(text: str) -> str:
    """The id in ``E_TOUCH_FAILED TOUCH 0d1f… failed ID not in flight``."""
    return next((word for word in text.split() if len(word) == 16 and _is_hex(word)), "")  # noqa: PLR2004  (an id's size)


def _is_hex(word: str) -> bool:
    return all(char in "0123456789abcdef" for char in word)


def _ignore(*_: object) -> None:
    """Until the owner of the connection listens."""
