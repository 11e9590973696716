"""Talks to supervisord through its socket."""

from __future__ import annotations

import http.client
import os
import socket
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from native.errors import NativeError
from native.supervisor_config import LISTENER, SOCKET

if TYPE_CHECKING:
    from pathlib import Path

CALL_SECONDS: Final = 10.0
BAD_NAME: Final = 10
ALREADY_STARTED: Final = 60
NOT_RUNNING: Final = 70
RUNS: Final = frozenset({"STARTING", "RUNNING", "STOPPING"})
STOPPED: Final = frozenset({"STOPPED", "EXITED", "FATAL"})


class SupervisorDownError(NativeError):
    """No supervisord answers on the socket."""


@dataclass(frozen=True)
class ProcessState:
    """What supervisord knows about a process.

    Attributes:
        name: its name.
        pid: its pid, 0 where it has none.
        state: supervisord's word (STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL).
    """

    name: str
    pid: int
    state: str


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, opened through its folder: an address of that kind holds 107 bytes, a path more."""

    def __init__(self, folder: Path) -> None:
        super().__init__("localhost", timeout=CALL_SECONDS)
        self._folder = folder

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.close(folder)


class SupervisorClient:
    """The supervisord of one stack.

    Args:
        run: the folder with its socket.
    """

    def __init__(self, run: Path) -> None:
        self._run = run

    def _call(self, method: str, *arguments: str | bool) -> Any:
        connection = _SocketConnection(self._run)
        try:
            connection.request("POST", "/RPC2", xmlrpc.client.dumps(arguments, f"supervisor.{method}"))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise SupervisorDownError("supervisord does not answer.") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise SupervisorDownError(f"supervisord answered with status {answer.status}.")
        return xmlrpc.client.loads(body)[0][0]

    def is_up(self) -> bool:
        """Whether it takes orders; one that is about to end does not."""
        try:
            self._call("getState")
        except (SupervisorDownError, xmlrpc.client.Fault):
            return False
        return True

    def is_there(self) -> bool:
        """Whether it answers at all."""
        try:
            self._call("getState")
        except SupervisorDownError:
            return False
        except xmlrpc.client.Fault:
            return True
        return True

    def states(self) -> list[ProcessState]:
        """All processes but the event listener, which belongs to supervisord.

        Raises:
            SupervisorDownError: it does not answer, or is about to end.
        """
        try:
            answer = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        except xmlrpc.client.Fault as fault:
            raise SupervisorDownError("supervisord is about to end.") from fault
        known = [ProcessState(item["name"], item["pid"], item["statename"]) for item in answer]
        return [state for state in known if state.name != LISTENER]

    def state_of(self, name: str) -> ProcessState:
        """One process."""
        for state in self.states():
            if state.name == name:
                return state
        raise NativeError(f"supervisord does not know {name}.")

    def start(self, name: str) -> None:
        """Have it start a process; returns at once. One that runs stays as it is."""
        self._tolerate(ALREADY_STARTED, "startProcess", name)

    def ask_to_stop(self, name: str) -> None:
        """Have it send the process its stop signal; returns at once."""
        self._tolerate(NOT_RUNNING, "stopProcess", name)

    def shut_down(self) -> None:
        """Have it end itself."""
        with suppress(SupervisorDownError, xmlrpc.client.Fault):
            self._call("shutdown")

    def _tolerate(self, code: int, method: str, name: str) -> None:
        try:
            self._call(method, name, False)  # noqa: FBT003  (the wire protocol's flag: do not wait)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != code:
                raise NativeError(f"supervisord refused {method} of {name}: {fault.faultString}") from fault
