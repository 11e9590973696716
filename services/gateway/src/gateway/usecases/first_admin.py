"""The first admin of an installation, without whom nobody could sign in."""

from __future__ import annotations

import asyncio
import secrets
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from gateway.core.tenancy import DEFAULT_TENANT_ID, DEFAULT_TENANT_SLUG
from shared.clock import new_id
from shared.contracts.caller import Caller
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from gateway.ports import FirstUserStore, Passwords

_log = structlog.get_logger(__name__)

_RANDOM_BYTES: Final = 18
_ACTOR: Final = "installation"


class FirstAdmin:
    """Makes it where there is no user at all.

    Args:
        users: knows whether there is one.
        passwords: hashes its password.
        email: in lower case.
        password: a random one, printed once, where it is empty.
        pause_seconds: between two tries while Postgres does not answer.
    """

    def __init__(
        self,
        *,
        users: FirstUserStore,
        passwords: Passwords,
        email: str,
        password: str,
        pause_seconds: float = 2.0,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._email = email
        self._password = password
        self._pause_seconds = pause_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Make it, as soon as Postgres answers; returns when the process stops, as all that is supervised."""
        made = False
        while not stop.is_set():
            try:
                await self.make(even_if_known=False)
                made = True
            except DependencyUnavailableError:
                _log.debug("first_admin_waits", dependency="postgres")
            with suppress(TimeoutError):
                async with asyncio.timeout(None if made else self._pause_seconds):
                    await stop.wait()

    async def make(self, *, even_if_known: bool) -> bool:
        """Make an admin who is an operator as well; whether it was made.

        Args:
            even_if_known: also where there are users already.

        Raises:
            UserExistsError: this one is there already, and ``even_if_known`` is given.
            DependencyUnavailableError: Postgres does not answer.
        """
        if not even_if_known and not await self._users.is_empty():
            return False
        password = self._password or secrets.token_urlsafe(_RANDOM_BYTES)
        user_id = new_id()
        caller = Caller(
            tenant_id=DEFAULT_TENANT_ID,
            tenant_slug=DEFAULT_TENANT_SLUG,
            actor=_ACTOR,
            request_id=str(user_id),
            is_operator=True,
        )
        made = await self._users.add_first(
            caller=caller,
            user_id=user_id,
            email=self._email,
            password_hash=await self._passwords.hash(password),
            even_if_known=even_if_known,
        )
        if made:
            _log.info("first_admin_made", email=self._email)
            if not self._password:
                # Not through the log, which is kept and shipped: for the eyes of whoever starts this, once.
                sys.stderr.write(f"First admin: {self._email}, password: {password}\n")
        return made
