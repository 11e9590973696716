"""Brings the schema to its newest state before any service starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from native import postgres
from native.errors import NotReadyError
from native.files import tail
from native.process import MARKER

if TYPE_CHECKING:
    from native.credentials import Credentials
    from native.layout import Layout
    from native.ports import Ports

NAME: Final = "migrations"


def migrate(layout: Layout, ports: Ports, credentials: Credentials, *, timeout_seconds: float) -> None:
    """Run the migrations as the owner; they also give the service role its password.

    Raises:
        NotReadyError: they failed, or took longer than a start may.
    """
    log = layout.log_of(NAME)
    environment = {
        **os.environ,
        "QUERN_OWNER_DATABASE_URL": postgres.url(postgres.OWNER, credentials.postgres_owner, ports),
        "QUERN_SERVICE_PASSWORD": credentials.postgres_service,
        "PYTHONSAFEPATH": "1",
        MARKER: str(layout.root),
    }
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "shared.postgres.migrate", "up"],
                env=environment,
                cwd=layout.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            sentence = f"The migrations took longer than {timeout_seconds:g} s:\n{tail(log)}"
            raise NotReadyError(NAME, sentence, log=log) from None
    if done.returncode:
        raise NotReadyError(NAME, f"The migrations failed. The end of {log}:\n{tail(log)}", log=log)
