from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from shared.errors import DependencyRejectedError, DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

_T = TypeVar("_T")


class Steps:
    """Runs blocking file work on threads, each step with a deadline, its errors translated.

    A step that is over its deadline goes on in its thread; only the caller stops waiting.
    """

    def __init__(self, *, threads: ThreadPoolExecutor, deadline_seconds: float) -> None:
        self._threads = threads
        self._deadline_seconds = deadline_seconds

    def start(self, step: Callable[[], _T]) -> asyncio.Future[_T]:
        """Begin a step now, not when the event loop is next free; :meth:`wait` for what is returned.

        Raises:
            DependencyUnavailableError: the store is closed.
        """
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, step)
        except RuntimeError as error:
            raise DependencyUnavailableError("blobs", "The blob store is closed.") from error

    async def wait(self, started: asyncio.Future[_T]) -> _T:
        """What a started step returns.

        Raises:
            DependencyRejectedError: what the step wanted to make exists already.
            DependencyUnavailableError: any other trouble with the file system, or too slow.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await started
        except TimeoutError as error:
            sentence = f"The blob store took longer than {self._deadline_seconds} s."
            raise DependencyUnavailableError("blobs", sentence) from error
        except FileExistsError as error:
            raise DependencyRejectedError("blobs", "There is an upload for this run already.") from error
        except OSError as error:
            raise DependencyUnavailableError("blobs", f"The blob store failed: {error}") from error

    async def run(self, step: Callable[[], _T]) -> _T:
        """Start a step and wait for it."""
        return await self.wait(self.start(step))
