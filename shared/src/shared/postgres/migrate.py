"""Plain SQL migrations: ``NNNN_name.up.sql`` with its ``NNNN_name.down.sql``, each in one transaction.

    python -m shared.postgres.migrate up [NNNN] | down NNNN | status

A session advisory lock, asked for by polling, keeps concurrent runners apart: a blocking wait would hold a
snapshot that ``CREATE INDEX CONCURRENTLY`` in the winner waits for. The lock ends with its session, so a
killed runner leaves nothing behind. A file that changed after it was applied is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from shared.errors import QuernError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOCK: Final = 7_116_914_710_114_110  # any number that nothing else in this database uses
_FILE: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.up\.sql$")
_LOCK_WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.2
_STATEMENT_TIMEOUT: Final = "10min"
_LOCK_TIMEOUT: Final = "5s"


class MigrationError(QuernError):
    """A migration cannot be applied; the sentence says which file and why."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) of the up file."""
        return hashlib.sha256(self.up.encode()).hexdigest()


def directory() -> Path:
    """Where the migrations lie: ``QUERN_MIGRATIONS_DIR``, else the first ``migrations`` above this file."""
    if configured := os.environ.get("QUERN_MIGRATIONS_DIR"):
        return Path(configured)
    for parent in Path(__file__).resolve().parents:
        if any((parent / "migrations").glob("0001_*.up.sql")):
            return parent / "migrations"
    raise MigrationError("No migrations folder was found: set QUERN_MIGRATIONS_DIR.")


def read(folder: Path) -> list[Migration]:
    """All migrations in order.

    Raises:
        MigrationError: a down file is missing, or the numbers have a gap.
    """
    found = []
    for path in sorted(folder.glob("*.up.sql")):
        match = _FILE.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_name.up.sql.")
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if not down.exists():
            raise MigrationError(f"{path.name} has no {down.name}.")
        found.append(Migration(int(match[1]), match[2], path.read_text("utf-8"), down.read_text("utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError("The numbers of the migrations have a gap or stand twice.")
    return found


async def _locked(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    deadline = asyncio.get_running_loop().time() + _LOCK_WAIT_SECONDS
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        if asyncio.get_running_loop().time() > deadline:
            raise MigrationError(
                "Another runner has held the migration lock for two minutes: look for it in pg_locks."
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _applied(connection: asyncpg.Connection[asyncpg.Record]) -> dict[int, str]:
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS schema_migrations (
               number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
    return {row["number"]: row["checksum"] for row in rows}


def _refuse_drift(migrations: Sequence[Migration], applied: dict[int, str]) -> None:
    known = {migration.number: migration for migration in migrations}
    for number, checksum in applied.items():
        if number not in known:
            raise MigrationError(f"The database has migration {number:04}, which this version does not know.")
        if known[number].checksum != checksum:
            raise MigrationError(
                f"{number:04}_{known[number].name}.up.sql was edited after it was applied: write a new migration."
            )


async def _step(connection: asyncpg.Connection[asyncpg.Record], migration: Migration, *, up: bool) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        await connection.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'")
        await connection.execute(migration.up if up else migration.down)
        if up:
            await connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
        else:
            await connection.execute("DELETE FROM schema_migrations WHERE number = $1", migration.number)


async def migrate(url: str, folder: Path, *, target: int | None = None) -> list[str]:
    """Bring the schema to ``target`` (the newest by default); returns what was done, in order.

    Raises:
        MigrationError: drift, a gap, or a lock that never came free.
    """
    migrations = read(folder)
    goal = len(migrations) if target is None else target
    connection = await asyncpg.connect(url, timeout=10.0)
    try:
        await _locked(connection)
        applied = await _applied(connection)
        _refuse_drift(migrations, applied)
        done = []
        for migration in migrations:
            if migration.number <= goal and migration.number not in applied:
                await _step(connection, migration, up=True)
                done.append(f"up {migration.number:04}_{migration.name}")
        for migration in reversed(migrations):
            if migration.number > goal and migration.number in applied:
                await _step(connection, migration, up=False)
                done.append(f"down {migration.number:04}_{migration.name}")
        return done
    finally:
        await connection.close(timeout=5.0)


async def enable_service_login(url: str, password: str) -> None:
    """Let ``quern_service`` log in with ``password``; the role owns nothing and obeys row-level security."""
    connection = await asyncpg.connect(url, timeout=10.0)
    try:
        # Utility statements take no parameters: the server quotes the literal.
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE quern_service LOGIN PASSWORD %L', $1::text)", password
        )
        await connection.execute(statement)
    finally:
        await connection.close(timeout=5.0)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


async def _main(arguments: list[str]) -> int:
    url = os.environ.get("QUERN_OWNER_DATABASE_URL")
    if not url:
        _say("Set QUERN_OWNER_DATABASE_URL to the URL of the owner of the schema.")
        return 2
    folder = directory()
    match arguments:
        case ["up"]:
            done = await migrate(url, folder)
        case ["up" | "down", number]:
            done = await migrate(url, folder, target=int(number))
        case ["status"]:
            _say("\n".join(f"{m.number:04}_{m.name} {m.checksum[:12]}" for m in read(folder)))
            return 0
        case _:
            _say(__doc__ or "")
            return 2
    password = os.environ.get("QUERN_SERVICE_PASSWORD")
    if arguments[0] == "up" and password:
        await enable_service_login(url, password)
    _say("\n".join(done) if done else "The schema is current.")
    return 0


def main() -> None:
    """Run the command line."""
    try:
        code = asyncio.run(_main(sys.argv[1:]))
    except (MigrationError, OSError, asyncpg.PostgresError) as error:
        _say(f"Migration failed: {error}")
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
