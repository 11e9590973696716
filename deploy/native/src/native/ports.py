"""Which port is whose: all but the public one follow the base port."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import IntEnum

from native.errors import PortInUseError

BLOCK = 100
"""How many ports a stack may use from its base port on; two stacks need bases this far apart."""

MAX_CONSUMERS = 20
MAX_WORKERS = 40


class Offset(IntEnum):
    """Where each port lies from the base port."""

    POSTGRES = 0
    NSQD_TCP = 1
    NSQD_HTTP = 2
    NSQLOOKUPD_TCP = 3
    NSQLOOKUPD_HTTP = 4
    NSQADMIN = 5
    WEAVIATE_HTTP = 6
    WEAVIATE_GRPC = 7
    WEAVIATE_GOSSIP = 8
    WEAVIATE_CLUSTER_DATA = 9
    WEAVIATE_RAFT = 10
    WEAVIATE_RAFT_RPC = 11
    GATEWAY_ADMIN = 20
    JANITOR_ADMIN = 21
    DEMO_SITE = 25
    CONSUMER_ADMIN = 30
    WORKER_ADMIN = 50


USED = Offset.WORKER_ADMIN + MAX_WORKERS
"""How much of the block the largest stack takes: the public port may lie in the rest."""

EVERY_INTERFACE = frozenset({Offset.WEAVIATE_GRPC, Offset.WEAVIATE_CLUSTER_DATA})
"""Weaviate 1.39 binds these to every interface and has no setting for it; an API key and a password guard them."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of one stack.

    Attributes:
        base: the first of the block that all ports but the public one are taken from.
        http: the gateway's public port.
    """

    base: int
    http: int

    def at(self, offset: Offset, index: int = 0) -> int:
        """The port of one listener; ``index`` counts the copies of a service from 0."""
        return self.base + offset + index

    def local(self, offset: Offset) -> str:
        """The same as ``127.0.0.1:port``."""
        return f"127.0.0.1:{self.at(offset)}"


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a listener could bind the port now (ports in TIME_WAIT count as free, as they do for servers)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def refuse_taken(ports: Ports, *, workers: int, consumers: int) -> None:
    """Check that every port of the stack can be bound.

    Raises:
        PortInUseError: names the first one that is taken, and the setting that moves it.
    """
    if not is_free(ports.http):
        raise PortInUseError(
            f"Port {ports.http} (gateway, set by QUERN_HTTP_PORT) is in use by another program: "
            "stop that program, or set QUERN_HTTP_PORT to a free port."
        )
    copies = {Offset.WORKER_ADMIN: workers, Offset.CONSUMER_ADMIN: consumers}
    for offset in Offset:
        host = "0.0.0.0" if offset in EVERY_INTERFACE else "127.0.0.1"  # noqa: S104  (what Weaviate will bind)
        for index in range(copies.get(offset, 1)):
            port = ports.at(offset, index)
            if not is_free(port, host=host):
                what = offset.name.lower().replace("_", " ")
                raise PortInUseError(
                    f"Port {port} ({what}, QUERN_BASE_PORT {ports.base} + {offset + index}) is in use by another "
                    f"program: stop that program, or set QUERN_BASE_PORT to the first of {BLOCK} free ports."
                )
