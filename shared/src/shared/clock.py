"""The only maker of times and new ids: everything else receives them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """The local time in UTC, for logs and headers. What decides something uses Postgres's clock."""
    return datetime.now(UTC)  # noqa: TID251  (this is the one place)


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits.

    Ids that grow with time keep the right-hand side of B-tree indexes warm.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
