"""The stack that is broken: the real one, with a second janitor and gateway, short leases, and our proxies in it."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from chaos.lookup_proxy import LookupProxy
from chaos.nsq_proxy import NsqProxy
from native import services
from native.ports import Offset, Ports
from support.stacks import StackUnderTest
from support.watch import remove_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from chaos.messages import Disorder
    from native.config import NativeSettings
    from native.credentials import Credentials
    from native.layout import Layout
    from native.process import ProcessSpec

    _Planner = Callable[[NativeSettings, Layout, Credentials, Mapping[str, str]], list[ProcessSpec]]

LEASE_SECONDS: Final = 5.0
SETTINGS: Final = {
    "QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8",
    "QUERN_CRAWL_DELAY_MS": "0",
    # What heals, heals in seconds.
    "QUERN_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
    "QUERN_SHUTDOWN_GRACE_SECONDS": "4",
    "QUERN_ANNOUNCE_AGAIN_SECONDS": "4",
    "QUERN_MSG_TIMEOUT_SECONDS": "20",
    "QUERN_PAGE_TIMEOUT_SECONDS": "18",
    "QUERN_NSQ_HEARTBEAT_SECONDS": "4",
    "QUERN_NSQLOOKUPD_POLL_SECONDS": "1",
    "QUERN_REQUEUE_BASE_SECONDS": "0.2",
    "QUERN_REQUEUE_MAX_SECONDS": "5",
    "QUERN_RESULT_DEADLINE_SECONDS": "12",
    "QUERN_INDEX_BATCH_SECONDS": "20",
    "QUERN_INDEX_ADOPT_SECONDS": "0.5",
    "QUERN_WEAVIATE_INSERT_TIMEOUT_SECONDS": "10",
    "QUERN_RECLAIM_PERIOD_SECONDS": "1",
    "QUERN_DELETE_PERIOD_SECONDS": "0.5",
    "QUERN_UPKEEP_PERIOD_SECONDS": "1",
    "QUERN_FIGURES_PERIOD_SECONDS": "2",
    "QUERN_AUDIT_PERIOD_SECONDS": "1",
    "QUERN_REPAIR_PERIOD_SECONDS": "1",
    "QUERN_JANITOR_TURN_SECONDS": "15",
    "QUERN_STALLED_RUN_SECONDS": "20",
    "QUERN_SUPERSEDED_GRACE_SECONDS": "3",
    "QUERN_SEARCH_DEADLINE_SECONDS": "2.5",
    "QUERN_ABANDONED_SECONDS": "5",
    "QUERN_RETRY_BASE_SECONDS": "0.3",
    "QUERN_ROBOTS_RETRY_SECONDS": "0.3",
    "QUERN_DEAD_RETRY_SECONDS": "2",
    "QUERN_DEAD_RETRIES_MAX": "2",
    # What is killed again and again shall not be taken for the killer.
    "QUERN_MAX_RECLAIMS": "100",
    "QUERN_MAX_LOST_RESULTS": "300",
    # Two more services than the stack counts on share its connections to PostgreSQL.
    "QUERN_DATABASE_POOL_MAX": "6",
}

SECOND_JANITOR_ADMIN: Final = 22
SECOND_GATEWAY_ADMIN: Final = 23
SITES: Final = 95
LOOKUP_PROXY: Final = 96
NSQ_PROXY: Final = 97
SECOND_GATEWAY: Final = 98
PUBLIC: Final = 99
"""Offsets in the block of ports that the stack leaves free."""


class ChaosStack:
    """A stack and its proxies.

    Args:
        root: its data directory.
        base_port: the first of its hundred ports.
        disorder: decides what happens to messages.
    """

    def __init__(self, *, root: Path, base_port: int, disorder: Disorder) -> None:
        self._base = base_port
        ports = Ports(base=base_port, http=base_port + PUBLIC)
        self.inner = StackUnderTest(root=root, ports=ports, environment=SETTINGS, workers=2, consumers=2)
        self._proxy = NsqProxy(
            port=base_port + NSQ_PROXY,
            upstream=ports.at(Offset.NSQD_TCP),
            upstream_http=f"http://{ports.local(Offset.NSQD_HTTP)}",
            disorder=disorder,
        )
        self._lookup = LookupProxy(
            port=base_port + LOOKUP_PROXY,
            upstream=f"http://{ports.local(Offset.NSQLOOKUPD_HTTP)}",
            nsqd_port=base_port + NSQ_PROXY,
        )

    @property
    def gateways(self) -> list[str]:
        """The URLs of both gateways."""
        return [f"http://127.0.0.1:{self._base + port}" for port in (PUBLIC, SECOND_GATEWAY)]

    async def up(self) -> None:
        """Start everything and wait until it is ready."""
        await self._proxy.start()
        await self._lookup.start()
        with patch.object(services, "processes", self._processes(services.processes)):
            await asyncio.to_thread(self.inner.up)

    async def down(self, *, keep: bool) -> None:
        """End everything.

        Args:
            keep: leave the data for a look.
        """
        try:
            await asyncio.to_thread(self.inner.down)
        finally:
            self.inner._watchdog.close()
            if not keep:
                remove_data(self.inner.layout)
            await self._proxy.stop()
            await self._lookup.stop()

    async def wipe(self, name: str) -> None:
        """Take a server's data away: it is stopped, and starts with nothing."""
        await asyncio.to_thread(self.inner.stop, name)
        await asyncio.to_thread(_empty, self.inner.layout.root / name)
        await asyncio.to_thread(self.inner.start, name)

    def _processes(self, original: _Planner) -> _Planner:
        def processes(
            settings: NativeSettings, layout: Layout, credentials: Credentials, user: Mapping[str, str]
        ) -> list[ProcessSpec]:
            specs = [self._led_astray(spec) for spec in original(settings, layout, credentials, user)]
            named = {spec.name: spec for spec in specs}
            specs.insert(1, self._second(named[services.JANITOR], layout, SECOND_JANITOR_ADMIN))
            port = {"QUERN_HTTP_PORT": str(self._base + SECOND_GATEWAY)}
            specs.append(self._second(named[services.GATEWAY], layout, SECOND_GATEWAY_ADMIN, port))
            return specs

        return processes

    def _led_astray(self, spec: ProcessSpec) -> ProcessSpec:
        proxies = {
            "QUERN_NSQD_TCP": f"127.0.0.1:{self._base + NSQ_PROXY}",
            "QUERN_NSQLOOKUPD_HTTP": f"http://127.0.0.1:{self._base + LOOKUP_PROXY}",
        }
        return dataclasses.replace(spec, env={**spec.env, **proxies})

    def _second(
        self, spec: ProcessSpec, layout: Layout, admin: int, extra: Mapping[str, str] | None = None
    ) -> ProcessSpec:
        name, port = f"{spec.name}-2", self._base + admin
        own = {"QUERN_INSTANCE": name, "QUERN_ADMIN_PORT": str(port), **(extra or {})}
        env = {**spec.env, **own}
        return dataclasses.replace(spec, name=name, env=env, log=layout.log_of(name), admin_port=port)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
