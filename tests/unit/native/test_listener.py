from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import pytest

from native import listener, stackfile
from native.config import NativeSettings
from native.credentials import Credentials
from native.layout import Layout
from native.process import MARKER
from native.running import Running
from native.stackfile import StackFile
from native.supervisor_client import ProcessState, SupervisorClient, SupervisorDownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from native.ports import Ports


class FakeSupervisor(SupervisorClient):
    """Says what it is told to say; None means that it is about to end."""

    def __init__(self, run: Path) -> None:
        super().__init__(run)
        self.answer: list[ProcessState] | None = []

    def states(self) -> list[ProcessState]:
        if self.answer is None:
            raise SupervisorDownError("about to end")
        return self.answer


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(tmp_path)


@pytest.fixture
def supervisor(layout: Layout) -> FakeSupervisor:
    return FakeSupervisor(layout.run)


@pytest.fixture
def keeper(layout: Layout, supervisor: FakeSupervisor) -> listener.StackFileKeeper:
    started = Running(
        base_port=20000,
        http_port=8000,
        stack=StackFile.of(NativeSettings(), Credentials.generate()),
        logs={"postgres": "/p.log", "nsqd": "/n.log"},
        admin_ports={},
        chosen={},
    )
    return listener.StackFileKeeper(layout=layout, started=started, supervisor=supervisor)


def pids(layout: Layout) -> dict[str, int]:
    stack = stackfile.read(layout.stack_file)
    assert stack is not None
    return {process.name: process.pid for process in stack.processes}


def event(name: str, process: str) -> str:
    body = f"processname:{process} groupname:{process} from_state:STOPPED tries:0"
    return (
        f"ver:3.0 server:quern serial:1 pool:stack-file poolserial:1 eventname:{name} len:{len(body)}\n{body}"
    )


def test_every_event_rewrites_the_file_and_is_answered(
    keeper: listener.StackFileKeeper, supervisor: FakeSupervisor, layout: Layout
) -> None:
    supervisor.answer = [ProcessState("nsqd", 7, "STARTING")]
    sink = io.StringIO()
    events = io.StringIO(
        event("PROCESS_STATE_RUNNING", "postgres") + event("PROCESS_STATE_EXITED", "postgres")
    )
    listener.listen(keeper, NativeSettings().ports, source=events, sink=sink)
    assert sink.getvalue() == "READY\nRESULT 2\nOK" * 2 + "READY\n"
    assert pids(layout) == {"nsqd": 7}


def test_topics_are_made_when_nsqd_starts_and_only_then(
    keeper: listener.StackFileKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Ports] = []
    monkeypatch.setattr(listener, "keep_topics", calls.append)
    ports = NativeSettings().ports
    events = io.StringIO(
        event("PROCESS_STATE_STARTING", "postgres")
        + event("PROCESS_STATE_STARTING", "nsqd")
        + event("PROCESS_STATE_RUNNING", "nsqd")
    )
    listener.listen(keeper, ports, source=events, sink=io.StringIO())
    assert calls == [ports]


@pytest.fixture
def survivor(layout: Layout) -> Iterator[int]:
    process = subprocess.Popen(["/bin/sleep", "60"], env={MARKER: str(layout.root)})
    yield process.pid
    process.kill()
    process.wait()


def test_while_the_supervisor_ends_only_living_processes_stay_listed(
    keeper: listener.StackFileKeeper, supervisor: FakeSupervisor, layout: Layout, survivor: int
) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    supervisor.answer = [
        ProcessState("postgres", survivor, "RUNNING"),
        ProcessState("nsqd", gone.pid, "RUNNING"),
    ]
    keeper.refresh()
    supervisor.answer = None
    keeper.refresh()
    assert pids(layout) == {"postgres": survivor}
