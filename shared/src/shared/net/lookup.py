"""Asking the system for the addresses of a name, without letting a slow name server hold up anything else."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from shared.addresses import parse_ip_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.addresses import IPAddress


class Lookup(Protocol):
    """Finds the addresses of a name."""

    async def __call__(self, host: str, /) -> Sequence[IPAddress]:
        """All addresses of ``host``, the preferred first.

        Raises:
            OSError: there are none, or nobody could tell.
        """
        ...


class SystemLookup:
    """The system's resolver (hosts file, DNS, whatever is configured), in threads of its own.

    The event loop's default threads are few and shared with everything else; a name server that does not
    answer would fill them. Equal names that are asked for at once are looked up once, so that one slow name
    holds one thread. A thread cannot be stopped: after a time-out it ends when the system gives up.
    """

    def __init__(self, *, threads: int = 32) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="lookup")
        self._pending: dict[str, asyncio.Future[Sequence[IPAddress]]] = {}

    async def __call__(self, host: str) -> Sequence[IPAddress]:
        """See :class:`Lookup`."""
        future = self._pending.get(host)
        if future is None:
            future = asyncio.get_running_loop().run_in_executor(self._executor, _addresses, host)
            self._pending[host] = future
            future.add_done_callback(lambda done: self._forget(host, done))
        return await asyncio.shield(future)

    def close(self) -> None:
        """Take no more names; lookups under way are left to end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, done: asyncio.Future[Sequence[IPAddress]]) -> None:
        del self._pending[host]
        if not done.cancelled():
            done.exception()  # whoever waited has it; when nobody waits any more it is nobody's


def _addresses(host: str) -> list[IPAddress]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    found = (parse_ip_literal(str(row[4][0])) for row in rows)
    return list(dict.fromkeys(ip for ip in found if ip is not None))
