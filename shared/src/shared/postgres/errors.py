"""asyncpg's and the network's errors, told apart by what the caller should do."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Trying the same transaction again can succeed: the server is away, restarting, full, busy, or chose us as
# the victim of a deadlock. Read-only (25006) is what a demoted or full server answers.
_TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


class PostgresUnavailableError(DependencyUnavailableError):
    """Postgres did not answer, or asked to try again: back off and repeat the whole transaction."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__("postgres", f"Postgres is not available ({type(cause).__name__}).")


class StatementTimeoutError(PostgresUnavailableError):
    """Postgres is there, but ended a statement that took too long: the same may happen again each time."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn transient driver errors into :class:`PostgresUnavailableError`; the rest are bugs and pass."""
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise StatementTimeoutError(error) from error
    except _TRANSIENT as error:
        raise PostgresUnavailableError(error) from error
