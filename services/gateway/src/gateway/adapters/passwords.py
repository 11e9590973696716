"""Passwords at rest: Argon2id by its reference implementation (RFC 9106)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.core.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Waiting longer for one's turn helps nobody: the client has given up.
_WAIT_SECONDS: Final = 10.0


class Argon2Passwords:
    """Hashes and checks passwords in threads, few at a time: each takes 64 MiB and some tenths of a second.

    Args:
        at_once: how many at a time.
    """

    def __init__(self, *, at_once: int) -> None:
        self._hasher = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
        self._turns = asyncio.Semaphore(at_once)
        # What a password of nobody is compared with, so that it takes as long as one of somebody.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A PHC string with a salt of its own.

        Raises:
            BusyError: too many wait for this already.
        """
        return await self._in_turn(partial(self._hasher.hash, password))

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the right one; None takes as long as a real hash, and is never right.

        Raises:
            BusyError: too many wait for this already.
        """
        right = await self._in_turn(partial(self._verify, password_hash or self._nobody, password))
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with parameters that are not ours any more."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise BusyError("Too many sign in at the moment.") from None
        try:
            return await asyncio.to_thread(work)
        finally:
            self._turns.release()
