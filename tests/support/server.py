"""One server process that a test may kill, freeze, wipe and start again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from native.errors import NotReadyError
from native.files import tail
from native.launch import postgres_processes
from native.leftovers import send
from native.process import LAUNCHER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from native.process import ProcessSpec

READY_SECONDS: Final = 90
POLL_SECONDS: Final = 0.02


class ServerProcess:
    """A server under a test's control. Every method blocks until its effect is there.

    Args:
        spec: what to start.
        is_ready: whether it takes requests.
        data: its data directory.
        prepare: makes the data directory usable; runs before every start.
        after_ready: what belongs to a start, such as topics.
    """

    def __init__(
        self,
        *,
        spec: ProcessSpec,
        is_ready: Callable[[], bool],
        data: Path,
        prepare: Callable[[], None],
        after_ready: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._is_ready = is_ready
        self._data = data
        self._prepare = prepare
        self._after_ready = after_ready
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        assert self._process is not None, f"{self._spec.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it is ready."""
        if self.running:
            return
        self._prepare()
        file = self._spec.save(self._spec.log.parent)
        with self._spec.log.open("ab") as log:
            command = [sys.executable, "-I", "-S", str(LAUNCHER), str(file)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_ready()
        self._after_ready()

    def wait_ready(self) -> None:
        """Wait until it takes requests."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if not self.running or time.monotonic() > deadline:
                sentence = f"{self._spec.name} did not become ready:\n{tail(self._spec.log)}"
                raise NotReadyError(self._spec.name, sentence, log=self._spec.log)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop it as the supervisor would: asked first, killed after its grace."""
        if not self.running or self._process is None:
            return
        self.resume()
        self._process.send_signal(signal.Signals[f"SIG{self._spec.stop_signal}"])
        try:
            self._process.wait(self._spec.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self) -> None:
        """Kill it without a warning, and leave it so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._frozen = False

    def restart(self) -> None:
        """Stop it in good order where it runs, then start it."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Kill it, remove all its data, start it again."""
        self.kill9()
        shutil.rmtree(self._data)
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._signal_all(signal.SIGSTOP)
        self._frozen = True

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        if self._frozen:
            self._signal_all(signal.SIGCONT)
        self._frozen = False

    def heal(self) -> None:
        """Undo what a test left: started once, it runs again for the next test."""
        self.resume()
        if self._process is not None:
            self.start()

    def _signal_all(self, what: signal.Signals) -> None:
        send(sorted({self.pid, *postgres_processes(self._data)}), what)
