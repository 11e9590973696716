"""A whole stack under a test's control, brought up by the same code as ``make up``."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from native.config import NativeSettings
from native.launch import postgres_processes
from native.layout import Layout
from native.leftovers import send
from native.postgres import NAME as POSTGRES
from native.readiness import is_ready
from native.stack import Stack
from native.stackfile import StackFile, read
from native.supervisor_client import SupervisorClient
from support.watch import Watchdog, remove_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from native.ports import Ports
    from native.running import Running

CHANGE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = CHANGE_SECONDS) -> None:
    """Poll until the condition holds; fail with ``what`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)


class StackUnderTest:
    """One stack. Its methods block; call them through ``asyncio.to_thread`` where a loop must go on.

    Args:
        root: its data directory.
        ports: its ports.
        environment: QUERN_ settings of the services, such as ``{"QUERN_LEASE_SECONDS": "5"}``.
        workers: copies of ingest-worker.
        consumers: copies of result-consumer.
    """

    def __init__(
        self,
        *,
        root: Path,
        ports: Ports,
        environment: Mapping[str, str] | None = None,
        workers: int = 2,
        consumers: int = 1,
    ) -> None:
        self.settings = NativeSettings(
            data_dir=root, base_port=ports.base, http_port=ports.http, workers=workers, consumers=consumers
        )
        self.layout = Layout.of(root)
        self._stack = Stack(settings=self.settings, user={**os.environ, **(environment or {})})
        self._supervisor = SupervisorClient(self.layout.run)
        self._watchdog = Watchdog(self.layout.root)
        self._started: Running | None = None

    def up(self, *, servers_only: bool = False) -> None:
        """Bring it up, as ``make up`` does."""
        self._started = self._stack.up(servers_only=servers_only)

    def down(self) -> None:
        """Take it down, as ``make down`` does."""
        self._stack.down()

    def close(self) -> None:
        """Take it down and remove its data."""
        try:
            self.down()
        finally:
            self._watchdog.close()
            remove_data(self.layout)

    @property
    def file(self) -> StackFile:
        """What stack.json says now."""
        stack = read(self.layout.stack_file)
        assert stack is not None, "stack.json is missing"
        return stack

    @property
    def gateway_url(self) -> str:
        """The public URL, without a slash at the end."""
        return self.file.gateway_url

    @property
    def pids(self) -> dict[str, int]:
        """The pids in stack.json by name."""
        return {process.name: process.pid for process in self.file.processes}

    def log(self, name: str) -> str:
        """All that a process has written so far."""
        return self.layout.log_of(name).read_text(encoding="utf-8", errors="replace")

    def kill9(self, name: str) -> int:
        """Kill a process without a warning; its old pid. The supervisor starts it again."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_replaced(self, name: str, old_pid: int) -> int:
        """Wait until stack.json shows another pid; that pid."""
        wait_until(lambda: self.pids.get(name, old_pid) != old_pid, f"{name} has a new pid in stack.json")
        return self.pids[name]

    def wait_ready(self, name: str) -> None:
        """Wait until a process is ready."""
        started = self._started
        assert started is not None, "the stack was never up"
        wait_until(lambda: is_ready(name, started), f"{name} is ready")

    def restart(self, name: str) -> None:
        """Stop a process in good order, start it, and wait until it is ready."""
        self.stop(name)
        self.start(name)

    def stop(self, name: str) -> None:
        """Have a process stopped in good order (SIGTERM), and leave it so."""
        self._supervisor.ask_to_stop(name)
        wait_until(lambda: name not in self.pids, f"{name} has ended")

    def start(self, name: str) -> None:
        """Have a stopped process started, and wait until it is ready."""
        self._supervisor.start(name)
        self.wait_ready(name)

    def pause(self, name: str) -> None:
        """Freeze a process: its connections stay open, nothing answers."""
        send(self._with_children(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on after ``pause``."""
        send(self._with_children(name), signal.SIGCONT)

    def _with_children(self, name: str) -> list[int]:
        children = postgres_processes(self.layout.postgres) if name == POSTGRES else []
        return sorted({self.pids[name], *children})
