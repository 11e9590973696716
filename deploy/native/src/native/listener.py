"""Supervisord's event listener: keeps stack.json current, and nsqd's topics in place.

Run by supervisord as ``python -m native.listener <data directory>``. Its protocol is text on standard input and
output (supervisord's "Event Listener Notification Protocol"): READY, then a header line that tells the length of
a body, then RESULT.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from native import nsq, running
from native.errors import NativeError
from native.layout import Layout
from native.leftovers import marked_root
from native.ports import Offset
from native.supervisor_client import SupervisorClient, SupervisorDownError

if TYPE_CHECKING:
    from typing import TextIO

    from native.ports import Ports
    from native.running import Running
    from native.stackfile import RunningProcess

TOPICS_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1


class StackFileKeeper:
    """Writes stack.json anew, from what supervisord says.

    Args:
        layout: where it is.
        started: addresses and admin ports.
        supervisor: who knows the pids.
    """

    def __init__(self, *, layout: Layout, started: Running, supervisor: SupervisorClient) -> None:
        self._layout = layout
        self._started = started
        self._supervisor = supervisor
        self._last: tuple[RunningProcess, ...] = ()

    def refresh(self) -> None:
        """Write the processes as they are now; while supervisord ends, those that are still there."""
        try:
            self._last = self._started.processes(self._supervisor.states())
        except SupervisorDownError:
            self._last = tuple(found for found in self._last if marked_root(found.pid) == self._layout.root)
        self._started.stack.with_processes(self._last).write(self._layout.stack_file)


def keep_topics(ports: Ports) -> None:
    """Wait until a fresh nsqd answers, then create what it lost if its data was wiped."""
    deadline = time.monotonic() + TOPICS_SECONDS
    while time.monotonic() < deadline:
        if nsq.is_ready(ports, Offset.NSQD_HTTP):
            try:
                nsq.ensure_topics(ports)
            except NativeError as error:
                sys.stderr.write(f"{error}\n")
            else:
                return
        time.sleep(POLL_SECONDS)
    sys.stderr.write("nsqd did not get its topics in time; its next start tries again.\n")


def fields(line: str) -> dict[str, str]:
    """Read ``key:value key:value`` as headers and bodies of events are written."""
    return dict(pair.split(":", 1) for pair in line.split())


def listen(keeper: StackFileKeeper, ports: Ports, *, source: TextIO, sink: TextIO) -> None:
    """Answer one event after the other until supervisord closes the line."""
    while True:
        sink.write("READY\n")
        sink.flush()
        header = source.readline()
        if not header:
            return
        event = fields(header)
        body = fields(source.read(int(event["len"])))
        keeper.refresh()
        if event["eventname"] == "PROCESS_STATE_STARTING" and body["processname"] == nsq.NSQD:
            threading.Thread(target=keep_topics, args=(ports,), daemon=True).start()
        sink.write("RESULT 2\nOK")
        sink.flush()


def main() -> None:
    """Serve the data directory given as the first argument."""
    layout = Layout.of(Path(sys.argv[1]))
    started = running.load(layout)
    if started is None:
        sys.exit(f"No stack was started in {layout.root}.")
    keeper = StackFileKeeper(layout=layout, started=started, supervisor=SupervisorClient(layout.run))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        keeper.refresh()
        listen(keeper, started.ports, source=sys.stdin, sink=sys.stdout)
    finally:
        keeper.refresh()  # supervisord ends its listener last, perhaps before it has told the last event


if __name__ == "__main__":
    main()
