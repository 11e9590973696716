"""What can go wrong while running the stack, each with a sentence that tells a person what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class NativeError(Exception):
    """Base of every error of the native stack: the text is for people."""


class BuildError(NativeError):
    """A server could not be built from its Go module."""


class PortInUseError(NativeError):
    """A port that the stack needs is taken; the text names the port and the setting that moves it."""


class RootRefusedError(NativeError):
    """PostgreSQL refuses to run as root, and this machine offers no other identity to it."""


class CommandFailedError(NativeError):
    """A command that prepares something ended with an error; the text carries the end of its output."""


class NotReadyError(NativeError):
    """A process did not become ready.

    Attributes:
        name: the process's name, as in stack.json.
        log: its log file, whose end tells why.
    """

    def __init__(self, name: str, sentence: str, *, log: Path) -> None:
        super().__init__(sentence)
        self.name = name
        self.log = log
