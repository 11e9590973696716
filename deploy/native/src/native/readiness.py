"""Whether a process of the stack does its work, asked from outside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from native import nsq, postgres, services, weaviate
from native.ports import Offset, Ports
from native.web import answers_ok

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from native.running import Running

READY_PATH: Final = "/readyz"

SERVERS: Final[Mapping[str, Callable[[Ports], bool]]] = {
    postgres.NAME: postgres.is_ready,
    nsq.NSQLOOKUPD: partial(nsq.is_ready, offset=Offset.NSQLOOKUPD_HTTP),
    nsq.NSQD: partial(nsq.is_ready, offset=Offset.NSQD_HTTP),
    nsq.NSQADMIN: partial(nsq.is_ready, offset=Offset.NSQADMIN),
    weaviate.NAME: weaviate.is_ready,
}


def is_ready(name: str, started: Running) -> bool:
    """Whether the process with this name is ready; services tell it themselves, the gateway where its users ask."""
    if probe := SERVERS.get(name):
        return probe(started.ports)
    port = started.http_port if name == services.GATEWAY else started.admin_ports[name]
    return answers_ok(port, READY_PATH)
