"""Starts supervisord for a stack, has it start and stop processes, and ends whatever it left."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from itertools import groupby
from typing import TYPE_CHECKING, Final

from native import leftovers, supervisor_config
from native.errors import NativeError, NotReadyError
from native.files import tail
from native.process import server_env
from native.progress import Progress
from native.readiness import is_ready
from native.supervisor_client import STOPPED, SupervisorClient, SupervisorDownError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from native.layout import Layout
    from native.running import Running

POLL_SECONDS: Final = 0.05
SUPERVISOR_SECONDS: Final = 30.0
EXIT_SECONDS: Final = 10.0
LEFTOVER_SECONDS: Final = 30.0
CRASHES: Final = 3
"""So many pids of a process that never got ready are taken for a fault that does not go away by itself."""


class Supervision:
    """The supervisord of one stack.

    Args:
        layout: the stack's files.
        start_seconds: how long each process may take to be ready.
        stop_seconds: how long each process may take to end, its being killed included.
    """

    def __init__(self, *, layout: Layout, start_seconds: float, stop_seconds: float) -> None:
        self._layout = layout
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._client = SupervisorClient(layout.run)
        self._process: subprocess.Popen[bytes] | None = None

    def is_up(self) -> bool:
        """Whether supervisord answers."""
        return self._client.is_up()

    def launch(self) -> None:
        """Start supervisord, which starts nothing by itself but its listener.

        Raises:
            NativeError: it ended, or does not answer.
        """
        self._reap()
        output = self._layout.logs / "supervisord.out"
        with output.open("wb") as stream:
            self._process = subprocess.Popen(  # noqa: S603  (from the lock)
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", supervisor_config.CONFIG],
                cwd=self._layout.run,
                env=server_env(self._layout.root),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SUPERVISOR_SECONDS
        while not self._client.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NativeError(f"supervisord did not start. The end of {output}:\n{tail(output)}")
            time.sleep(POLL_SECONDS)

    def _reap(self) -> None:
        """Take note of the end of the supervisord that this very process started and that has ended."""
        if self._process is not None:
            self._process.wait(SUPERVISOR_SECONDS)
            self._process = None

    def stopped(self, started: Running) -> list[str]:
        """The names of the processes that have no pid."""
        present = {found.name for found in started.processes(self._client.states())}
        return [name for name in started.logs if name not in present]

    def start(self, name: str) -> None:
        """Have a process started, without waiting for it."""
        self._client.start(name)

    def wait_ready(self, name: str, started: Running) -> None:
        """Wait, visibly, until a process is ready.

        Raises:
            NotReadyError: it crashed again and again, or took too long; the text carries the end of its log.
        """
        deadline = time.monotonic() + self._start_seconds
        pids: set[int] = set()
        with Progress(f"Waiting for {name}") as progress:
            while not is_ready(name, started):
                state = self._client.state_of(name)
                pids |= {state.pid} if state.pid else set()
                progress.tell(state.state.lower())
                if len(pids) > CRASHES:
                    raise self._not_ready(name, started, "does not stay up")
                if time.monotonic() > deadline:
                    raise self._not_ready(name, started, f"is not ready after {self._start_seconds:g} s")
                time.sleep(POLL_SECONDS)

    def _not_ready(self, name: str, started: Running, what: str) -> NotReadyError:
        log = self._layout.log_of(name)
        return NotReadyError(name, f"{name} {what}. The end of {started.logs[name]}:\n{tail(log)}", log=log)

    def stop(self, started: Running | None) -> int:
        """Stop everything in the order opposite to the start, then supervisord, then whatever is left.

        Returns:
            how many processes had lost their supervisor.
        """
        try:
            for names in stages(started.logs) if started else ():
                self._stop_stage(names)
            self._client.shut_down()
            self._wait_down()
        except SupervisorDownError:
            pass  # it was killed, or is ending: what it leaves is ended below
        orphans = leftovers.end(self._layout.root, grace_seconds=LEFTOVER_SECONDS)
        self._reap()
        return orphans

    def _stop_stage(self, names: list[str]) -> None:
        for name in names:
            self._client.ask_to_stop(name)
        deadline = time.monotonic() + self._stop_seconds
        with Progress(f"Stopping {', '.join(names)}"):
            while any(state.name in names and state.state not in STOPPED for state in self._client.states()):
                if time.monotonic() > deadline:
                    raise NativeError(f"supervisord does not stop {names}.")
                time.sleep(POLL_SECONDS)

    def _wait_down(self) -> None:
        deadline = time.monotonic() + EXIT_SECONDS
        while self._client.is_there() or leftovers.find(self._layout.root).pids:
            if time.monotonic() > deadline:
                return  # what is left is ended by force
            time.sleep(POLL_SECONDS)


def stages(names: Iterator[str] | dict[str, str]) -> list[list[str]]:
    """Group names for stopping: last first, the copies of one service together.

    >>> stages({"nsqd": "", "worker-1": "", "worker-2": "", "gateway": ""})
    [['gateway'], ['worker-2', 'worker-1'], ['nsqd']]
    """
    backwards = list(names)[::-1]
    return [list(group) for _, group in groupby(backwards, key=lambda name: re.sub(r"-\d+$", "", name))]
