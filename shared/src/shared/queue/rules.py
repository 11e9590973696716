"""The queue's pure rules: names, sizes, delays, and how many messages each nsqd may send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.queue.errors import PublishRejectedError, QueueRejectedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# nsqd's own rule (internal/protocol/names.go); \Z, because $ would let a trailing line feed through.
_NAME = re.compile(r"[.a-zA-Z0-9_-]{1,64}\Z")
_EPHEMERAL = "#ephemeral"
_MPUB_OVERHEAD_BYTES = 4
"""Each message inside an MPUB is preceded by its size, and all of them by their number."""


def check_name(kind: str, name: str) -> None:
    """Refuse what nsqd refuses, and what would split its line-based command (a space, a line feed).

    Raises:
        QueueRejectedError: with the name.
    """
    if not _NAME.match(name.removesuffix(_EPHEMERAL)) or len(name) > 64:  # noqa: PLR2004  (nsqd's limit, as in _NAME)
        raise QueueRejectedError(
            f"nsqd takes no {kind} named {name!r}: 1 to 64 of a-z, A-Z, 0-9, '.', '_', '-'"
        )


def check_topic(topic: str) -> None:
    """As ``check_name``, for a publish.

    Raises:
        PublishRejectedError: with the name.
    """
    try:
        check_name("topic", topic)
    except QueueRejectedError as error:
        raise PublishRejectedError(str(error)) from None


def check_body(body: bytes, *, max_msg_bytes: int) -> None:
    """Refuse a body that would cost the whole connection: nsqd closes it on an empty or oversized message.

    Raises:
        PublishRejectedError: with the size.
    """
    if not isinstance(body, bytes):
        raise PublishRejectedError(f"a message's body is bytes, not {type(body).__name__}")
    if not body:
        raise PublishRejectedError("nsqd takes no empty message")
    if len(body) > max_msg_bytes:
        raise PublishRejectedError(
            f"a message of {len(body)} bytes is over the limit of {max_msg_bytes}: split it"
        )


def split_batches(
    bodies: Sequence[bytes],
    *,
    max_body_bytes: int,
    max_messages: int,
) -> Iterator[Sequence[bytes]]:
    """Cut a batch into runs that each fit one MPUB: by nsqd's ``--max-body-size`` and by number."""
    start, size = 0, _MPUB_OVERHEAD_BYTES
    for index, body in enumerate(bodies):
        cost = len(body) + _MPUB_OVERHEAD_BYTES
        if index > start and (size + cost > max_body_bytes or index - start >= max_messages):
            yield bodies[start:index]
            start, size = index, _MPUB_OVERHEAD_BYTES
        size += cost
    if start < len(bodies):
        yield bodies[start:]


def backoff_seconds(tries: int, *, base_seconds: float, max_seconds: float, dice: float) -> float:
    """``base * 2^(tries-1)``, capped, then ±20 % by ``dice`` in [0, 1): so that many do not come back as one.

    Args:
        tries: how many have failed, from 1.
        base_seconds: the first delay.
        max_seconds: the cap, which jitter never exceeds.
        dice: a random number in [0, 1).
    """
    exponent = min(max(tries, 1) - 1, 30)
    delay = min(base_seconds * 2**exponent, max_seconds)
    return float(min(delay * (0.8 + 0.4 * dice), max_seconds))


def requeue_ms(seconds: float, *, max_seconds: float) -> int:
    """A delay as REQ wants it: whole milliseconds, within what nsqd allows (it would shorten it and complain)."""
    return int(min(max(seconds, 0.0), max_seconds) * 1000)


def ready_shares(in_flight: Sequence[int], *, max_in_flight: int, turn: int) -> list[int]:
    """How many messages (RDY) each connection may have at once, so that all together stay within the limit.

    With at least as many slots as connections everyone gets an equal share. With fewer, one slot each goes
    round by ``turn``, so that no nsqd waits for ever; what a connection without a slot still works on counts.

    Args:
        in_flight: messages now at work, per connection.
        max_in_flight: the limit over all connections.
        turn: grows by one at each redistribution.
    """
    count = len(in_flight)
    if count == 0:
        return []
    if max_in_flight >= count:
        share, rest = divmod(max_in_flight, count)
        return [share + (1 if index < rest else 0) for index in range(count)]
    shares = [0] * count
    free = max_in_flight - sum(1 for busy in in_flight if busy)
    for offset in range(count):
        index = (turn + offset) % count
        if free > 0 and in_flight[index] == 0:
            shares[index] = 1
            free -= 1
    return shares
