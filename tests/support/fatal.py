"""A service that kills itself at a named boundary of its work.

Run as a file in the place of ``python -m <package>``::

    python tests/support/fatal.py result_consumer FOLDER

The service is the real one; beside it, this file wraps methods of its adapters, from outside. A boundary is armed by a
file of its name in FOLDER that says at which call from now on: the process that comes there first takes the file away,
leaves one with its pid instead, and kills itself with SIGKILL. So each arming kills one process, once, whatever many
run and however often they are started again.
"""

from __future__ import annotations

import functools
import importlib
import os
import runpy
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def _always(_arguments: tuple[Any, ...], _result: Any) -> bool:
    return True


def _found_any(_arguments: tuple[Any, ...], result: Any) -> bool:
    """The call found something to do."""
    return bool(result)


def _staged_any(_arguments: tuple[Any, ...], result: Any) -> bool:
    """The results made versions complete."""
    return bool(result.indexing)


def _served_any(_arguments: tuple[Any, ...], result: Any) -> bool:
    return any(status == "succeeded" for _, _, status in result.endings)


@dataclass(frozen=True)
class Boundary:
    """A place in the work of a service.

    Attributes:
        package: of the service.
        method: ``module:Class.method``, a coroutine function.
        before: whether the process dies before the call and not after it.
        counts: of which calls, by their arguments and their result.
    """

    package: str
    method: str
    before: bool = False
    counts: Callable[[tuple[Any, ...], Any], bool] = _always


_GATEWAY, _WORKER, _CONSUMER, _JANITOR = "gateway", "ingest_worker", "result_consumer", "janitor"

BOUNDARIES: Final = {
    "crawl_accepted": Boundary(_GATEWAY, "shared.postgres.acceptance:PostgresAcceptance.accept_web"),
    "upload_accepted": Boundary(_GATEWAY, "shared.postgres.acceptance:PostgresAcceptance.accept_upload"),
    "stamped": Boundary(
        _GATEWAY, "shared.postgres.announcing:PostgresWindows.announce_waiting", counts=_found_any
    ),
    "delete_accepted": Boundary(_GATEWAY, "shared.postgres.steering:PostgresSteering.delete_source"),
    "claimed": Boundary(_WORKER, "shared.postgres.claims:PostgresClaims.claim", counts=_found_any),
    "fetched": Boundary(_WORKER, "ingest_worker.adapters.web:GuardedWeb.fetch"),
    "part_published": Boundary(_WORKER, "ingest_worker.adapters.results:QueueResults._publish"),
    "published": Boundary(_WORKER, "ingest_worker.adapters.results:QueueResults.deliver"),
    "stored": Boundary(_CONSUMER, "shared.postgres.results:PostgresResults.store", counts=_staged_any),
    "recorded": Boundary(_CONSUMER, "shared.postgres.indexing:PostgresIndexing.open_batch"),
    "written": Boundary(_CONSUMER, "shared.vectors.writes:WeaviateWrites.write_batch"),
    "verified": Boundary(
        _CONSUMER, "shared.postgres.indexing:PostgresIndexing.close_batch", counts=_found_any
    ),
    "activated": Boundary(
        _CONSUMER, "shared.postgres.indexing:PostgresIndexing.activate", counts=_served_any
    ),
    "emptied": Boundary(_JANITOR, "shared.vectors.writes:WeaviateWrites.delete_by_source"),
    "unreceipted": Boundary(_JANITOR, "shared.postgres.upkeep_removal:PostgresRemoval.finish", before=True),
}


class _Fuse:
    """Decides at which call the process dies."""

    def __init__(self, armed: Path) -> None:
        self._armed = armed
        self._calls = 0

    def burn(self) -> None:
        """Count a call; die where it is the one."""
        try:
            deadly = int(self._armed.read_text(encoding="ascii"))
        except FileNotFoundError:
            self._calls = 0
            return
        self._calls += 1
        if self._calls < deadly:
            return
        try:
            self._armed.rename(self._armed.with_suffix(f".{os.getpid()}"))
        except FileNotFoundError:  # another process came here first
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap(boundary: Boundary, fuse: _Fuse) -> None:
    module, _, path = boundary.method.partition(":")
    owner, name = path.split(".")
    holder = getattr(importlib.import_module(module), owner)
    original: Callable[..., Awaitable[Any]] = getattr(holder, name)

    @functools.wraps(original)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        if boundary.before:
            fuse.burn()
        result = await original(*arguments, **named)
        if not boundary.before and boundary.counts(arguments, result):
            fuse.burn()
        return result

    setattr(holder, name, wrapped)


def main(package: str, folder: str) -> None:
    """Be that service, and die where it is asked for."""
    for name, boundary in BOUNDARIES.items():
        if boundary.package == package:
            _wrap(boundary, _Fuse(Path(folder, name)))
    sys.argv = [package]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
