"""A part that is started by its first use, since it costs memory and time that most processes need not spend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Lazily(Generic[T]):
    """Enters a context manager at its first use and leaves it at the end, both in one task of its own.

    Args:
        load: makes the context manager, in a thread: it may import what takes long.
    """

    def __init__(self, load: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._load = load
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The part, started; whoever gives up waiting leaves the start to those who come next.

        Raises:
            Exception: what went wrong at the start; the next use tries again.
        """
        if self._task is None or self._task.done() or self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self._started))
        return await asyncio.shield(self._started)

    async def close(self) -> None:
        """Stop it, if it was ever started. Idempotent."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _live(self, started: asyncio.Future[T]) -> None:
        try:
            async with await asyncio.to_thread(self._load) as part:
                started.set_result(part)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001  (told to everybody who waits for it)
            _log.exception("lazy_part_failed")
            if not started.done():
                started.set_exception(error)
                # Everybody who waited may have gone.
                started.exception()
        finally:
            if not started.done():
                started.cancel()
