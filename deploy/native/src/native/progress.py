"""One line that moves while something takes long; plain lines now and then where no terminal is."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

TERMINAL_SECONDS = 0.5
PLAIN_SECONDS = 15.0
"""A log that is read later needs a line a few times a minute, so that CI does not take silence for a hang."""


class Progress:
    """Shows a task, its elapsed time and what it last told, until it is left.

    Args:
        task: what is going on, for people.
        stream: where to write; standard error unless given.
    """

    def __init__(self, task: str, *, stream: TextIO | None = None) -> None:
        self._task = task
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._detail = ""
        self._started = time.monotonic()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._show_until_left, daemon=True)

    def tell(self, detail: str) -> None:
        """Set what is shown beside the elapsed time."""
        self._detail = detail

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the task began."""
        return time.monotonic() - self._started

    def __enter__(self) -> Self:
        if self._moving:
            self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()
        self._write("failed" if kind else "done")
        if self._moving:
            self._stream.write("\n")
            self._stream.flush()

    def _show_until_left(self) -> None:
        while not self._left.wait(TERMINAL_SECONDS if self._moving else PLAIN_SECONDS):
            self._write()

    def _write(self, ending: str = "") -> None:
        minutes, seconds = divmod(int(self.elapsed_seconds), 60)
        text = f"{self._task} [{minutes}:{seconds:02}] {ending or self._detail}".rstrip()
        self._stream.write(f"\r\x1b[2K{text[:110]}" if self._moving else f"{text}\n")
        self._stream.flush()


def say(sentence: str) -> None:
    """Tell the person who started this."""
    sys.stderr.write(f"{sentence}\n")
