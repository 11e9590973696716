"""Everything that runs, in the order in which it starts; it stops in the opposite one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from native import identity, nsq, postgres, services, weaviate
from native.postgres_programs import bin_dir
from native.servers import NSQ, WEAVIATE, ServerCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from native.config import NativeSettings
    from native.credentials import Credentials
    from native.identity import Identity
    from native.layout import Layout
    from native.process import ProcessSpec


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack consists of.

    Attributes:
        who: as whom PostgreSQL runs.
        processes: in the order of their start.
    """

    who: Identity
    processes: tuple[ProcessSpec, ...]


POOL: Final = 12
"""Connections that one service process may open: its pool of 10, and what its health checks need."""


def connections(settings: NativeSettings) -> int:
    """How many connections PostgreSQL must take: all pools full, and some for people and tools."""
    services_running = 2 + settings.workers + settings.consumers
    return max(postgres.CONNECTIONS, 20 + POOL * services_running)


def make_plan(
    settings: NativeSettings,
    layout: Layout,
    credentials: Credentials,
    user: Mapping[str, str],
    *,
    servers_only: bool = False,
) -> Plan:
    """Plan a stack; the Go servers are built here where they are not in the cache yet.

    Args:
        settings: ports, counts and limits.
        layout: where its files go; the folders exist.
        credentials: its secrets.
        user: the environment that services inherit.
        servers_only: leave the services out.

    Raises:
        BuildError: a server could not be built.
        RootRefusedError: PostgreSQL cannot run as anybody here.
    """
    ports = settings.ports
    cache = ServerCache(settings.cache_dir)
    nsq_binaries, weaviate_binaries = cache.ensure(NSQ), cache.ensure(WEAVIATE)
    who = identity.choose(bin_dir() / "postgres", layout.root)
    memory = settings.weaviate_memory_mib
    servers = (
        postgres.process(layout, ports, who, connections=connections(settings)),
        nsq.nsqlookupd(layout, ports, nsq_binaries),
        nsq.nsqd(layout, ports, nsq_binaries),
        nsq.nsqadmin(layout, ports, nsq_binaries),
        weaviate.process(layout, ports, credentials, weaviate_binaries, memory_mib=memory),
    )
    rest = () if servers_only else services.processes(settings, layout, credentials, user)
    return Plan(who=who, processes=(*servers, *rest))
