"""What was started, kept beside the supervisor: for its listener, and to tell whether settings have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from native.files import write_private
from native.ports import Ports
from native.stackfile import RunningProcess, StackFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from native.config import NativeSettings
    from native.layout import Layout
    from native.plan import Plan
    from native.supervisor_client import ProcessState

FILE: Final = "running.json"
PREFIX: Final = "QUERN_"


class Running(BaseModel):
    """One start of a stack.

    Attributes:
        base_port: where its block of ports begins.
        http_port: the public port.
        stack: its addresses.
        logs: each process's log, in the order of the start.
        admin_ports: the admin ports of the services.
        chosen: the settings that it was started with, as text.
    """

    model_config = ConfigDict(frozen=True)

    base_port: int
    http_port: int
    stack: StackFile
    logs: dict[str, str]
    admin_ports: dict[str, int]
    chosen: dict[str, str]

    @classmethod
    def of(cls, plan: Plan, settings: NativeSettings, stack: StackFile, chosen: Mapping[str, str]) -> Running:
        """What a plan comes to."""
        specs = plan.processes
        return cls(
            base_port=settings.base_port,
            http_port=settings.http_port,
            stack=stack,
            logs={spec.name: str(spec.log) for spec in specs},
            admin_ports={spec.name: spec.admin_port for spec in specs if spec.admin_port is not None},
            chosen=dict(chosen),
        )

    @property
    def ports(self) -> Ports:
        """The ports of the stack."""
        return Ports(base=self.base_port, http=self.http_port)

    @property
    def servers(self) -> list[str]:
        """The names of the servers, in the order of the start."""
        return [name for name in self.logs if name not in self.admin_ports]

    @property
    def services(self) -> list[str]:
        """The names of the services, in the order of the start."""
        return [name for name in self.logs if name in self.admin_ports]

    def processes(self, states: Iterable[ProcessState]) -> tuple[RunningProcess, ...]:
        """The processes that have a pid, in the order of the start."""
        pids = {state.name: state.pid for state in states if state.pid}
        return tuple(
            RunningProcess(name=name, pid=pids[name], admin_port=self.admin_ports.get(name), log=log)
            for name, log in self.logs.items()
            if name in pids
        )

    def save(self, layout: Layout) -> None:
        """Keep it in the run folder, private because it carries passwords."""
        write_private(layout.run / FILE, self.model_dump_json(indent=2) + "\n")


def load(layout: Layout) -> Running | None:
    """What was last started here, or None."""
    try:
        return Running.model_validate_json((layout.run / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def chosen_settings(settings: NativeSettings, user: Mapping[str, str]) -> dict[str, str]:
    """All that decides how the stack runs: the stack's settings and the user's QUERN_ variables."""
    own = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return {**{name: value for name, value in user.items() if name.startswith(PREFIX)}, **own}


def changed(earlier: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the settings that differ, in order."""
    return sorted(name for name in {*earlier, *now} if earlier.get(name) != now.get(name))
