"""Transactions that are committed, but whose answer never arrives."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from shared.postgres.errors import PostgresUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from shared.postgres.database import Connection, Database, Principal


def lose_first_answer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next transaction of ``database`` is committed and reported as lost; those after it go well."""
    transaction = database.transaction

    @asynccontextmanager
    async def losing(principal: Principal | None = None) -> AsyncIterator[Connection]:
        async with transaction(principal) as connection:
            yield connection
        monkeypatch.setattr(database, "transaction", transaction)
        raise PostgresUnavailableError(ConnectionError("the answer was lost"))

    monkeypatch.setattr(database, "transaction", losing)
