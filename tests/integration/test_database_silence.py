"""A Postgres that takes connections and answers nothing: nobody waits longer than they wanted to."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.postgres.database import EVERY_TENANT, Database, Timeouts
from shared.postgres.errors import PostgresUnavailableError
from support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from shared.postgres.database import Connection
    from support.databases import Database as TestDatabase

PATIENCE_SECONDS = 0.7
#: Far below the statement timeout, which would end the wait as well; a slow machine has room.
SOON_SECONDS = 5.0


@pytest.fixture
def door(module_database: TestDatabase) -> Iterator[TcpProxy]:
    with TcpProxy(target=urlsplit(module_database.service_url).netloc.rpartition("@")[2]) as proxy:
        yield proxy


@pytest.fixture
async def postgres(module_database: TestDatabase, door: TcpProxy) -> AsyncIterator[Database]:
    url = urlsplit(module_database.service_url)
    login = url.netloc.rpartition("@")[0]
    made = Database(
        url=url._replace(netloc=f"{login}@{door.address}").geturl(),
        application="silence",
        principal=EVERY_TENANT,
        size=2,
        timeouts=Timeouts(connect_seconds=20, acquire_seconds=20, statement_seconds=20),
        patience_seconds=PATIENCE_SECONDS,
    )
    await made.open()
    yield made
    door.heal()
    await made.close()


async def one(connection: Connection) -> int:
    value: int = await connection.fetchval("SELECT 1")
    return value


async def test_patience_ends_although_nothing_answers(postgres: Database, door: TcpProxy) -> None:
    door.stall()
    started = time.monotonic()
    with pytest.raises(PostgresUnavailableError):
        await postgres.run(one)
    with pytest.raises(PostgresUnavailableError):
        await postgres.takes_writes()
    assert time.monotonic() - started < SOON_SECONDS
    door.heal()
    assert await postgres.run(one) == 1


async def test_who_gives_up_is_let_go_at_once_and_cancelled_stays_cancelled(
    postgres: Database, door: TcpProxy
) -> None:
    begun = asyncio.Event()

    async def slow(connection: Connection) -> None:
        begun.set()
        await connection.execute("SELECT pg_sleep(20)")

    working = asyncio.create_task(postgres.run(slow))
    await begun.wait()
    door.stall()
    started = time.monotonic()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert time.monotonic() - started < SOON_SECONDS
    door.heal()
    assert await postgres.run(one) == 1


async def test_what_is_refused_is_rolled_back_and_the_connection_is_kept(
    postgres: Database, door: TcpProxy
) -> None:
    accepted = door.accepted

    async def wrong(connection: Connection) -> None:
        await connection.execute("CREATE TEMP TABLE left_over (n int) ON COMMIT PRESERVE ROWS")
        await connection.execute("SELECT 1 / 0")

    for _ in range(5):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await postgres.run(wrong)
    assert door.accepted == accepted
    assert await postgres.run(one) == 1


async def test_a_write_that_is_refused_as_read_only_is_an_outage(postgres: Database) -> None:
    assert await postgres.takes_writes()

    async def write(connection: Connection) -> None:
        await connection.execute("SET TRANSACTION READ ONLY")
        await connection.execute("DELETE FROM workers")

    with pytest.raises(PostgresUnavailableError) as refused:
        await postgres.run(write)
    assert refused.value.dependency == "postgres"
