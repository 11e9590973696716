"""How a command is run: one event loop, one client, errors as one sentence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from quern.cli.exit_codes import ExitCode
from quern.cli.output import Output
from quern.client import Client
from quern.errors import (
    BadAddressError,
    ClientError,
    NoAnswerError,
    UnexpectedAnswerError,
    UnreachableError,
    UploadFileError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_CODES: tuple[tuple[type[ClientError], ExitCode], ...] = (
    (BadAddressError, ExitCode.USAGE),
    (UploadFileError, ExitCode.USAGE),
    (UnreachableError, ExitCode.UNREACHABLE),
    (NoAnswerError, ExitCode.UNREACHABLE),
    (UnexpectedAnswerError, ExitCode.UNREACHABLE),
    (WaitTimeoutError, ExitCode.STILL_RUNNING),
)


class UsageError(ClientError):
    """The command cannot be carried out as it was given."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every command works with."""

    client: Client
    out: Output


def execute(work: Callable[[Session], Awaitable[ExitCode]], *, url: str, as_json: bool) -> None:
    """Do the work of a command and exit by its code.

    Raises:
        typer.Exit: always, unless all went well.
    """
    out = Output(as_json=as_json)
    try:
        code = asyncio.run(_session(work, url, out))
    except ClientError as error:
        out.error(error)
        code = code_of(error)
    except KeyboardInterrupt:
        out.note("Interrupted. What was accepted goes on: `quern status` shows it.")
        code = ExitCode.INTERRUPTED
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def code_of(error: ClientError) -> ExitCode:
    """The exit code that tells of an error."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.REFUSED)


async def _session(work: Callable[[Session], Awaitable[ExitCode]], url: str, out: Output) -> ExitCode:
    async with Client(url) as client:
        return await work(Session(client, out))
