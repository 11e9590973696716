"""A fresh, migrated database for each test that asks: copied from a template that is migrated once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from native import postgres
from native.postgres_programs import psql

if TYPE_CHECKING:
    from native.credentials import Credentials
    from native.ports import Ports

TEMPLATE: Final = "migrated"
MIGRATE_SECONDS: Final = 120


@dataclass(frozen=True)
class Database:
    """One database.

    Attributes:
        name: its name.
        owner_url: as the superuser that owns everything.
        service_url: as the role of the services, which row-level security binds.
    """

    name: str
    owner_url: str
    service_url: str


class Databases:
    """Makes and drops the databases of one PostgreSQL server."""

    def __init__(self, *, ports: Ports, credentials: Credentials) -> None:
        self._ports = ports
        self._credentials = credentials
        self._numbers = itertools.count(1)
        self._migrated = False

    @property
    def admin_url(self) -> str:
        """The owner's URL of the cluster's first database."""
        return postgres.url(postgres.OWNER, self._credentials.postgres_owner, self._ports)

    def at(self, name: str) -> Database:
        """A database by its name, whether it exists or not."""
        owner, service = self._credentials.postgres_owner, self._credentials.postgres_service
        return Database(
            name=name,
            owner_url=postgres.url(postgres.OWNER, owner, self._ports, database=name),
            service_url=postgres.url(postgres.SERVICE, service, self._ports, database=name),
        )

    def create(self, *, migrated: bool = True) -> Database:
        """A new database, with the newest schema or empty."""
        database = self.at(f"test_{next(self._numbers)}")
        if migrated and not self._migrated:
            self._make_template()
        template = f' TEMPLATE "{TEMPLATE}"' if migrated else ""
        psql(self.admin_url, f'CREATE DATABASE "{database.name}"{template};')
        return database

    def drop(self, database: Database) -> None:
        """Remove it, together with whatever is connected to it."""
        psql(self.admin_url, f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE);')

    def _make_template(self) -> None:
        psql(self.admin_url, f'DROP DATABASE IF EXISTS "{TEMPLATE}" WITH (FORCE);')
        psql(self.admin_url, f'CREATE DATABASE "{TEMPLATE}";')
        migrate(self.at(TEMPLATE), service_password=self._credentials.postgres_service)
        self._migrated = True


def migrate(database: Database, *, service_password: str) -> None:
    """Bring a database to the newest schema, as the stack does it."""
    environment = {
        **os.environ,
        "QUERN_OWNER_DATABASE_URL": database.owner_url,
        "QUERN_SERVICE_PASSWORD": service_password,
    }
    done = subprocess.run(
        [sys.executable, "-m", "shared.postgres.migrate", "up"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"the migrations failed:\n{done.stdout}{done.stderr}"
