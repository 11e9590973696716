"""NSQ's three daemons and the topics that the services share."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from native.errors import NativeError
from native.ports import Offset
from native.process import ProcessSpec, server_env
from native.web import answers_ok, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from native.layout import Layout
    from native.ports import Ports

NSQD: Final = "nsqd"
NSQLOOKUPD: Final = "nsqlookupd"
NSQADMIN: Final = "nsqadmin"

MAX_MSG_BYTES: Final = 8 * 1024 * 1024
"""One message: results are split into parts well below it, so that a part with long texts still fits."""
MAX_BODY_BYTES: Final = 4 * MAX_MSG_BYTES
"""One command: a batch (MPUB) may carry a few of the largest messages."""
MAX_MSG_TIMEOUT_SECONDS: Final = 30 * 60
"""How long touches can keep a message: above the longest unit of work (a parser's limit), or nsqd would give
work that is alive to a second worker. Below an hour, so that a wedged consumer cannot hold a message for ever."""

CHANNELS: Final = {
    "ingest.task": ("worker",),
    "ingest.result": ("result-consumer",),
    "source.delete": ("janitor",),
    "ingest.dead": (),
}
"""Every topic with its channels. Messages for operators wait in ingest.dead itself: nothing reads them away."""


def nsqlookupd(layout: Layout, ports: Ports, binaries: Path) -> ProcessSpec:
    """The directory in which consumers find the daemons."""
    return ProcessSpec(
        name=NSQLOOKUPD,
        argv=(
            str(binaries / "nsqlookupd"),
            f"--tcp-address={ports.local(Offset.NSQLOOKUPD_TCP)}",
            f"--http-address={ports.local(Offset.NSQLOOKUPD_HTTP)}",
            "--broadcast-address=127.0.0.1",
        ),
        env=server_env(layout.root),
        cwd=layout.root,
        log=layout.log_of(NSQLOOKUPD),
    )


def nsqd(layout: Layout, ports: Ports, binaries: Path) -> ProcessSpec:
    """The queue. Without a memory queue every message goes to disk at once: a kill loses only those in flight."""
    return ProcessSpec(
        name=NSQD,
        argv=(
            str(binaries / "nsqd"),
            f"--tcp-address={ports.local(Offset.NSQD_TCP)}",
            f"--http-address={ports.local(Offset.NSQD_HTTP)}",
            f"--lookupd-tcp-address={ports.local(Offset.NSQLOOKUPD_TCP)}",
            "--broadcast-address=127.0.0.1",
            f"--data-path={layout.nsqd}",
            "--mem-queue-size=0",
            f"--max-msg-size={MAX_MSG_BYTES}",
            f"--max-body-size={MAX_BODY_BYTES}",
            f"--max-msg-timeout={MAX_MSG_TIMEOUT_SECONDS // 60}m",
        ),
        env=server_env(layout.root),
        cwd=layout.root,
        log=layout.log_of(NSQD),
        stop_seconds=20,
    )


def nsqadmin(layout: Layout, ports: Ports, binaries: Path) -> ProcessSpec:
    """The operators' view of the queue."""
    return ProcessSpec(
        name=NSQADMIN,
        argv=(
            str(binaries / "nsqadmin"),
            f"--http-address={ports.local(Offset.NSQADMIN)}",
            f"--lookupd-http-address={ports.local(Offset.NSQLOOKUPD_HTTP)}",
        ),
        env=server_env(layout.root),
        cwd=layout.root,
        log=layout.log_of(NSQADMIN),
    )


def is_ready(ports: Ports, offset: Offset) -> bool:
    """Whether one of the daemons answers on its HTTP port."""
    return answers_ok(ports.at(offset), "/ping")


def ensure_topics(ports: Ports) -> None:
    """Create every topic and channel that is missing; repeating it changes nothing.

    A channel that exists before the first message is published misses none, whoever starts first.

    Raises:
        NativeError: nsqd refused, or does not answer.
    """
    for topic, channels in CHANNELS.items():
        _create(ports, "/topic/create", {"topic": topic})
        for channel in channels:
            _create(ports, "/channel/create", {"topic": topic, "channel": channel})


def _create(ports: Ports, path: str, query: dict[str, str]) -> None:
    status = status_of(ports.at(Offset.NSQD_HTTP), f"{path}?{urlencode(query)}", method="POST")
    if status != http.client.OK:
        raise NativeError(f"nsqd did not create {query}: it answered {status or 'nothing'}.")
