"""The pool of connections, and what a transaction is here."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from uuid import UUID

import asyncpg
import orjson

from shared.postgres.errors import PostgresUnavailableError, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")
if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

#: The principal of the services that work for every tenant.
EVERY_TENANT: Final = "*"
Principal = UUID | Literal["*"]

_TRIES: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of the server's patience, in seconds; all of them below the lease."""

    connect_seconds: float = 5.0
    acquire_seconds: float = 10.0
    statement_seconds: float = 15.0
    lock_seconds: float = 5.0
    idle_in_transaction_seconds: float = 10.0


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _decode(data: bytes) -> object:
    return orjson.loads(data[1:])


def _encode(value: object) -> bytes:
    return b"\x01" + orjson.dumps(value)


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode, decoder=_decode, format="binary"
    )


async def _as_it_is(_connection: object) -> None:
    """A connection goes back to the pool as it is: no transaction here leaves anything in its session.

    Settings are local to their transaction, and there are no listeners, no session locks and no cursors that outlive
    one. The driver's default would send four statements more after each transaction.
    """


class Database:
    """One door to Postgres: a bounded pool, and transactions that know whom they work for.

    Row-level security shows a transaction nothing unless it names its principal. A service that works for
    all tenants names ``EVERY_TENANT`` once for the pool; the gateway names a tenant in each transaction.
    """

    def __init__(
        self,
        *,
        url: str,
        application: str,
        principal: Literal["*"] | None,
        size: int = 8,
        timeouts: Timeouts | None = None,
        patience_seconds: float | None = None,
    ) -> None:
        """``patience_seconds`` is how long one call may take in all, tries included: for callers who make people wait."""
        self._patience_seconds = patience_seconds
        self._url = url
        self._application = application
        self._principal = principal
        self._size = size
        self._timeouts = timeouts or Timeouts()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Make the pool and its first connection.

        Raises:
            PostgresUnavailableError: the server cannot be reached now.
        """
        await self._opened()

    async def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        # Made on first use and not only at start, so that a service can start before its database.
        async with self._opening:
            if self._pool is None:
                limits = self._timeouts
                with translated():
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=1,
                        max_size=self._size,
                        timeout=limits.connect_seconds,
                        command_timeout=limits.statement_seconds + limits.lock_seconds,
                        max_inactive_connection_lifetime=120.0,
                        init=_prepare,
                        reset=_as_it_is,
                        server_settings={
                            "application_name": self._application,
                            "statement_timeout": _milliseconds(limits.statement_seconds),
                            "lock_timeout": _milliseconds(limits.lock_seconds),
                            "idle_in_transaction_session_timeout": _milliseconds(
                                limits.idle_in_transaction_seconds
                            ),
                            "quern.tenant_id": self._principal or "",
                            "jit": "off",
                        },
                    )
            return self._pool

    async def close(self) -> None:
        """Give all connections back; those still in use after two seconds are cut."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            await asyncio.wait_for(pool.close(), 2.0)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def transaction(self, principal: Principal | None = None) -> AsyncIterator[Connection]:
        """One transaction for ``principal`` (the pool's own where none is given).

        Raises:
            PostgresUnavailableError: the transaction did not happen, or its commit's answer was lost.
        """
        with translated():
            async with asyncio.timeout(self._patience_seconds):
                pool = await self._opened()
                async with (
                    pool.acquire(timeout=self._timeouts.acquire_seconds) as connection,
                    _begun(connection),
                ):
                    if principal is not None:
                        await connection.execute(
                            "SELECT set_config('quern.tenant_id', $1, true)", str(principal)
                        )
                    yield connection

    async def run(self, work: Callable[[Connection], Awaitable[T]], principal: Principal | None = None) -> T:
        """Do ``work`` in a transaction, and again a few times where Postgres asks for that.

        ``work`` must be written so that a repetition after a lost commit answer changes nothing: guards and
        counters are in the same transaction.

        Raises:
            PostgresUnavailableError: it still did not happen after the last try.
        """
        with translated():
            async with asyncio.timeout(self._patience_seconds):
                return await self._tried(work, principal)

    async def _tried(self, work: Callable[[Connection], Awaitable[T]], principal: Principal | None) -> T:
        for attempt in range(_TRIES):
            try:
                async with self.transaction(principal) as connection:
                    return await work(connection)
            except PostgresUnavailableError:
                if attempt == _TRIES - 1:
                    raise
                pause = _FIRST_PAUSE_SECONDS * 2**attempt
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (jitter)
        raise AssertionError("unreachable")

    async def takes_writes(self) -> bool:
        """Whether it answers and takes writes: a standby, and a server that somebody made read-only, do not.

        Raises:
            PostgresUnavailableError: no answer.
        """
        async with self.transaction() as connection:
            setting: str = await connection.fetchval("SELECT current_setting('transaction_read_only')")
            return setting == "off"


@asynccontextmanager
async def _begun(connection: Connection) -> AsyncIterator[None]:
    """A transaction; a connection on which somebody waited in vain is cut instead of rolled back.

    Giving it back in good order takes a ROLLBACK and a cancel request, which a server that is silent does not
    answer either: whoever wanted to be done after two seconds would wait for twenty.
    """
    transaction = connection.transaction()
    try:
        await transaction.start()
        try:
            yield
        except Exception as error:
            if not isinstance(error, TimeoutError):
                await transaction.rollback()
            raise
        await transaction.commit()
    except BaseException as error:
        if isinstance(error, TimeoutError) or not isinstance(error, Exception):
            connection.terminate()
        raise
