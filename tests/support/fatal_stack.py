"""A stack whose services kill themselves where a test asks for it; the supervisor starts them again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from native import services
from support import fatal
from support.client import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from native.config import NativeSettings
    from native.credentials import Credentials
    from native.layout import Layout
    from native.process import ProcessSpec
    from support.stacks import StackUnderTest


class FragileStack:
    """Brings a stack up with :mod:`support.fatal` in the place of each service's ``python -m``.

    Args:
        stack: not up yet.
        folder: for what arms the boundaries.
    """

    def __init__(self, stack: StackUnderTest, folder: Path) -> None:
        self.stack = stack
        self._folder = folder
        self._names: dict[int, str] = {}
        self._ends_before = 0

    def up(self) -> None:
        """Bring it up."""
        original = services.processes

        def processes(
            settings: NativeSettings, layout: Layout, credentials: Credentials, user: Mapping[str, str]
        ) -> list[ProcessSpec]:
            return [self._fragile(spec) for spec in original(settings, layout, credentials, user)]

        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(services, "processes", processes)
            self.stack.up()

    def _fragile(self, spec: ProcessSpec) -> ProcessSpec:
        python, flag, package = spec.argv
        assert flag == "-m"
        return replace(spec, argv=(python, fatal.__file__, package, str(self._folder)))

    def arm(self, boundary: str, *, at_call: int = 1) -> None:
        """Have the first process that comes there for the n-th time from now on kill itself."""
        assert boundary in fatal.BOUNDARIES
        for spent in self._folder.glob(f"{boundary}.*"):
            spent.unlink()
        self._names = {pid: name for name, pid in self.stack.pids.items()}
        self._ends_before = len(self._supervisor_log())
        prepared = self._folder / f"{boundary}_new"
        prepared.write_text(str(at_call), encoding="ascii")
        prepared.rename(self._folder / boundary)

    async def killed(self, boundary: str) -> str:
        """Wait until a process has killed itself there; its name, as the supervisor has it."""

        async def marker() -> list[Path]:
            return list(self._folder.glob(f"{boundary}.*"))

        (spent,) = await until(marker, f"a process has come to the boundary {boundary!r}")
        name = self._names[int(spent.suffix[1:])]

        async def buried() -> bool:
            return f"exited: {name} (terminated by SIGKILL" in self._supervisor_log()[self._ends_before :]

        await until(buried, f"the supervisor has seen the end of {name}")
        return name

    def _supervisor_log(self) -> str:
        return (self.stack.layout.logs / "supervisord.log").read_text(encoding="utf-8")
