"""The servers of one test session, each started when the first test asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from native import identity, nsq, postgres, weaviate
from native.config import NativeSettings
from native.credentials import load_or_create
from native.layout import Layout
from native.ports import Offset
from native.postgres_programs import bin_dir
from native.servers import NSQ, WEAVIATE, ServerCache
from support.databases import Databases
from support.server import ServerProcess
from support.watch import Watchdog, remove_data

if TYPE_CHECKING:
    from pathlib import Path

    from native.ports import Ports


class PostgresServer(ServerProcess):
    """PostgreSQL 18 without fsync: a kill -9 loses nothing, only a power cut would.

    Attributes:
        url: the owner's URL of the database ``quern``, which is empty.
        databases: makes further ones.
    """

    url: str
    databases: Databases


class NsqdServer(ServerProcess):
    """One nsqd, with its nsqlookupd, and the topics of the product.

    Attributes:
        tcp: host:port.
        http: its URL.
        lookupd_http: the URL of nsqlookupd.
    """

    tcp: str
    http: str
    lookupd_http: str


class WeaviateServer(ServerProcess):
    """One Weaviate.

    Attributes:
        url: its REST URL.
        grpc: host:port.
        api_key: what every request but the health checks needs.
    """

    url: str
    grpc: str
    api_key: str


class Servers:
    """Starts servers on first use and ends them all at once.

    Args:
        root: the folder for their data and logs.
        ports: their ports.
    """

    def __init__(self, *, root: Path, ports: Ports) -> None:
        self._layout = Layout.of(root)
        self._layout.create()
        self._ports = ports
        self._credentials = load_or_create(self._layout.credentials)
        self._cache = ServerCache(NativeSettings().cache_dir)
        self._started: list[ServerProcess] = []
        self._watchdog = Watchdog(self._layout.root)

    @cached_property
    def postgres(self) -> PostgresServer:
        """PostgreSQL, running."""
        layout, ports, credentials = self._layout, self._ports, self._credentials
        who = identity.choose(bin_dir() / "postgres", layout.root)
        server = PostgresServer(
            spec=postgres.process(layout, ports, who, durable=False),
            is_ready=lambda: postgres.is_ready(ports),
            data=layout.postgres,
            prepare=lambda: postgres.initialise(layout, credentials, who, durable=False),
            after_ready=lambda: None,
        )
        server.databases = Databases(ports=ports, credentials=credentials)
        server.url = server.databases.admin_url
        self._begin(server)
        return server

    @cached_property
    def nsqlookupd(self) -> ServerProcess:
        """The directory that nsqd registers with, running."""
        layout, ports = self._layout, self._ports
        server = ServerProcess(
            spec=nsq.nsqlookupd(layout, ports, self._cache.ensure(NSQ)),
            is_ready=lambda: nsq.is_ready(ports, Offset.NSQLOOKUPD_HTTP),
            data=layout.run,
            prepare=lambda: None,
            after_ready=lambda: None,
        )
        self._begin(server)
        return server

    @cached_property
    def nsqd(self) -> NsqdServer:
        """The queue, running, with the product's topics and channels."""
        assert self.nsqlookupd.running
        layout, ports = self._layout, self._ports
        server = NsqdServer(
            spec=nsq.nsqd(layout, ports, self._cache.ensure(NSQ)),
            is_ready=lambda: nsq.is_ready(ports, Offset.NSQD_HTTP),
            data=layout.nsqd,
            prepare=lambda: layout.nsqd.mkdir(exist_ok=True),
            after_ready=lambda: nsq.ensure_topics(ports),
        )
        server.tcp = ports.local(Offset.NSQD_TCP)
        server.http = f"http://{ports.local(Offset.NSQD_HTTP)}"
        server.lookupd_http = f"http://{ports.local(Offset.NSQLOOKUPD_HTTP)}"
        self._begin(server)
        return server

    @cached_property
    def weaviate(self) -> WeaviateServer:
        """Weaviate, running."""
        layout, ports, credentials = self._layout, self._ports, self._credentials
        server = WeaviateServer(
            spec=weaviate.process(layout, ports, credentials, self._cache.ensure(WEAVIATE), memory_mib=2048),
            is_ready=lambda: weaviate.is_ready(ports),
            data=layout.weaviate,
            prepare=lambda: layout.weaviate.mkdir(exist_ok=True),
            after_ready=lambda: None,
        )
        server.url = f"http://{ports.local(Offset.WEAVIATE_HTTP)}"
        server.grpc = ports.local(Offset.WEAVIATE_GRPC)
        server.api_key = credentials.weaviate_api_key
        self._begin(server)
        return server

    def heal(self) -> None:
        """Bring back what a test killed or froze."""
        for server in self._started:
            server.heal()

    def close(self) -> None:
        """End every server and remove the data; the logs stay for a look."""
        try:
            for server in reversed(self._started):
                server.stop()
        finally:
            self._watchdog.close()
            remove_data(self._layout)

    def _begin(self, server: ServerProcess) -> None:
        self._started.append(server)  # first, so that a server that never gets ready is ended as well
        server.start()
